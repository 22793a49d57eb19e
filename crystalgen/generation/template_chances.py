"""How often templates are drawn: as in the training data, as far as is asked.

Knows weights and probabilities; does not draw.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float64, Int

from crystalgen.generation.allowed_groups import allowed_groups
from crystalgen.generation.constraints import Constraints, is_constrained
from crystalgen.generation.count_sets import role_counts
from crystalgen.generation.reachability import is_reachable
from crystalgen.generation.request import Request
from crystalgen.generation.targets import Targets, targets_of
from crystalgen.generation.template_cells import Cells, cells_of
from crystalgen.generation.template_tilt import TemplateTilt, Tilt
from crystalgen.generation.weights import Weights
from crystalgen.model.tables import N_GROUPS

NEW_SHARE = 1.25
"""How often the autoregressive prior draws a new prototype, relative to Good and
Turing's estimate of the chance that a crystal has one (prototypes seen once among the
crystals of its group): a little more, because some draws turn out to be known."""


TINY = 1e-300
"""In place of a sum of 0."""


class Chances(NamedTuple):
    """How often groups and known prototypes are drawn."""

    prototypes: Float64[np.ndarray, " prototypes"]
    """Weight of each known prototype; 0 where the request forbids it."""
    groups: Float64[np.ndarray, " groups"]
    """Probability of each space group; row 0 is unused."""
    new: Float64[np.ndarray, " groups"]
    """Probability that a draw of each group takes a new template."""
    cells: Cells
    """All of these as intervals, to draw from."""


@dataclass(frozen=True, kw_only=True)
class TemplateChances:
    """The chances of templates under a request.

    Raises:
        RequestError: It asks for a property that the networks do not know.
    """

    weights: Weights
    request: Request

    @cached_property
    def constraints(self) -> Constraints | None:
        """What the request asks of compositions; None if nothing."""
        if not is_constrained(self.request):
            return None
        return Constraints(weights=self.weights, request=self.request)

    @property
    def max_atoms(self) -> int:
        """Most atoms in the primitive cell."""
        asked, trained = self.request.max_atoms, self.weights.config.max_atoms
        return trained if asked is None else min(asked, trained)

    @cached_property
    def targets(self) -> Targets | None:
        """Properties that are asked of each draw; None if none is."""
        return targets_of(self.weights, self.request)

    def of_draw(self, draw: int) -> Chances:
        """Chances of the templates of a draw, found once for all that ask alike."""
        if self.targets is None:
            return self.untold
        point = self.targets.point_of(draw)
        if point not in self._told:
            self._told[point] = self._chances(self._tilt.at(point))
        return self._told[point]

    @cached_property
    def untold(self) -> Chances:
        """Chances without regard to properties."""
        return self._chances(None)

    def _chances(self, tilt: Tilt | None) -> Chances:
        vocabulary, power = self.weights.vocabulary, 1 / self.request.temperature
        # relative to the largest, so that no temperature takes it to infinity
        count = np.where(self.fits, vocabulary.count, 0)
        of_rows = (count / self._largest_count) ** power
        unknown = self._unknown_groups
        if tilt is not None:
            of_rows, unknown = of_rows * tilt.prototypes, unknown * tilt.groups
        weight = unknown + np.bincount(
            vocabulary.space_group, of_rows, minlength=N_GROUPS + 1
        )
        groups = weight / max(weight.sum(), TINY)
        new = self._new_chance(tilt)
        return Chances(
            prototypes=of_rows,
            groups=groups,
            new=new,
            cells=cells_of(vocabulary, prototypes=of_rows, groups=groups, new=new),
        )

    @cached_property
    def _unknown_groups(self) -> Float64[np.ndarray, " groups"]:
        """Weights of groups of which no known prototype fits.

        One that is asked for by number counts as one crystal. Where no prototype fits
        in any group, each that can hold what is asked for counts as in the training
        data and one more.
        """
        vocabulary = self.weights.vocabulary
        weight = np.zeros(N_GROUPS + 1)
        known = set(vocabulary.space_group[self.fits].tolist())
        for number in self.request.space_groups:
            if number not in known and self.can_build(number):
                weight[number] = self._largest_count ** (-1 / self.request.temperature)
        if not known and (self.constraints or self.request.crystal_systems):
            seen = np.bincount(vocabulary.space_group, vocabulary.count, N_GROUPS + 1)
            for number in np.flatnonzero(self.allowed_groups).tolist():
                weight[number] = (1 + seen[number]) * self.can_build(number)
        return weight

    def _new_chance(self, tilt: Tilt | None) -> Float64[np.ndarray, " groups"]:
        """Probability that a draw of each group takes a new template.

        Where conditions are told, prototypes count for more that go with them.
        """
        vocabulary = self.weights.vocabulary
        groups = vocabulary.space_group[self.fits]
        counts = vocabulary.count[self.fits]
        factor = 1.0 if tilt is None else tilt.prototypes[self.fits]
        seen = np.bincount(groups, counts * factor, minlength=N_GROUPS + 1)
        once = np.bincount(groups, (counts == 1) * factor, minlength=N_GROUPS + 1)
        wanted = np.where(seen > 0, NEW_SHARE * once / np.maximum(seen, TINY), 1.0)
        chance = np.minimum(wanted, 1.0)
        if self.constraints:
            for number in np.flatnonzero(once).tolist():
                chance[number] *= self.can_build(number)
        return chance

    @cached_property
    def _told(self) -> dict[int, Chances]:
        """Chances under combinations of values that were asked for before."""
        return {}

    @cached_property
    def _tilt(self) -> TemplateTilt:
        if self.targets is None:
            raise ValueError("expected a request with conditions, got none")
        return TemplateTilt(
            weights=self.weights,
            targets=self.targets,
            rows=np.flatnonzero(self.fits),
            temperature=self.request.temperature,
        )

    def can_build(self, group: int) -> bool:
        """Whether positions of an allowed group can hold what is asked for."""
        if not (self.allowed_groups[group] and is_reachable(group, self.max_atoms)):
            return False
        return self.constraints is None or self.constraints.can_build(group)

    @cached_property
    def allowed_groups(self) -> Bool[np.ndarray, " groups"]:
        """Space groups that the request allows; row 0 is unused."""
        return allowed_groups(self.request)

    @cached_property
    def fits(self) -> Bool[np.ndarray, " prototypes"]:
        """Known prototypes that the request allows."""
        allowed = self.allowed_groups[self.weights.vocabulary.space_group]
        fits = allowed & (self._atoms <= self.max_atoms)
        return fits & self.constraints.fits() if self.constraints else fits

    @cached_property
    def _largest_count(self) -> float:
        """Crystals of the most frequent prototype that the request allows."""
        return float(self.weights.vocabulary.count[self.fits].max(initial=1))

    @cached_property
    def _atoms(self) -> Int[np.ndarray, " prototypes"]:
        """Atoms in the primitive cell of each known prototype."""
        return role_counts(self.weights.vocabulary).sum(axis=1)
