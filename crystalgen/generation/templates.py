"""Which group, which positions, which of them share an element: drawn first.

A template is a known prototype, drawn as often as it was seen in training, or a new one
from the autoregressive prior under the legality masks. Only templates that the request
allows are ever drawn.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float64, Int

from crystalgen.errors import RequestError
from crystalgen.generation.allowed_groups import allowed_groups
from crystalgen.generation.constraints import Constraints, is_constrained
from crystalgen.generation.count_sets import role_counts
from crystalgen.generation.grammar import Grammar
from crystalgen.generation.impossible import why_no_composition, why_no_template
from crystalgen.generation.new_templates import draw_new_prototypes
from crystalgen.generation.noise import Purpose, stream
from crystalgen.generation.reachability import is_reachable
from crystalgen.generation.request import Request
from crystalgen.generation.template_draw import TemplateDraw, to_templates
from crystalgen.generation.weights import Weights
from crystalgen.model.tables import N_GROUPS
from crystalgen.representation.prototype import Prototype

NEW_SHARE = 1.0
"""Share of Good and Turing's estimate of the chance that a crystal has a new prototype
(prototypes seen once among the crystals of its group) that is drawn from the
autoregressive prior."""
NEW_TRIES = 12
"""Prototypes drawn where one is to be new: the first is taken whose template was never
seen, or else the first that was not seen itself."""


class _Pick(NamedTuple):
    """A group, and a known prototype of it or None for a new one."""

    group: int
    prototype: Prototype | None
    log_prob: float
    grammar: Grammar | None = None


@dataclass(frozen=True, kw_only=True)
class TemplateSource:
    """The distribution of templates under a request.

    Raises:
        RequestError: No crystal can fulfil the request.
    """

    weights: Weights
    request: Request

    def __post_init__(self) -> None:
        if not self.group_probability.sum() > 0:
            raise RequestError(self._why_impossible())

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
    def row_weight(self) -> Float64[np.ndarray, " prototypes"]:
        """Weight of each known prototype; 0 where the request forbids it."""
        # relative to the largest, so that no temperature takes it to infinity
        count = np.where(self._fits, self.weights.vocabulary.count, 0)
        return (count / self._largest_count) ** (1 / self.request.temperature)

    @cached_property
    def group_probability(self) -> Float64[np.ndarray, " groups"]:
        """Probability of each space group; row 0 is unused.

        As in the training data; a group asked for by number that no known prototype
        fits counts as one crystal. Where none fits in any group, each that can hold
        what is asked for counts as in the training data and one more.
        """
        vocabulary = self.weights.vocabulary
        weight = np.bincount(
            vocabulary.space_group, self.row_weight, minlength=N_GROUPS + 1
        )
        known = set(vocabulary.space_group[self._fits].tolist())
        for number in self.request.space_groups:
            if number not in known and self._can_build(number):
                weight[number] = self._largest_count ** (-1 / self.request.temperature)
        if not known and (self.constraints or self.request.crystal_systems):
            seen = np.bincount(vocabulary.space_group, vocabulary.count, N_GROUPS + 1)
            for number in np.flatnonzero(self._allowed_groups).tolist():
                weight[number] = (1 + seen[number]) * self._can_build(number)
        return weight / max(weight.sum(), 1e-300)

    @cached_property
    def new_probability(self) -> Float64[np.ndarray, " groups"]:
        """Probability that a draw of a group takes a new template."""
        vocabulary = self.weights.vocabulary
        groups = vocabulary.space_group[self._fits]
        counts = vocabulary.count[self._fits]
        seen = np.bincount(groups, counts, minlength=N_GROUPS + 1)
        once = np.bincount(groups, counts == 1, minlength=N_GROUPS + 1)
        chance = np.where(seen > 0, NEW_SHARE * once / np.maximum(seen, 1), 1.0)
        if self.constraints:
            for number in np.flatnonzero(once).tolist():
                chance[number] *= self._can_build(number)
        return chance

    def draw(self, seed: int, draws: Int[np.ndarray, " rows"]) -> TemplateDraw:
        """Templates of the given draws.

        Args:
            seed: Of the run.
            draws: Numbers of the draws.
        """
        picks: list[_Pick] = []
        for index in draws.tolist():
            rng = stream(seed, index, attempt=0, purpose=Purpose.TEMPLATE)
            group = _pick(self.group_probability, rng.random())
            is_new = bool(rng.random() < self.new_probability[group])
            log_prob = float(np.log(self.group_probability[group]))
            picks.append(self._known(rng, group, is_new=is_new, log_prob=log_prob))
        return self._complete(seed, draws, picks, renewal=0)

    def draw_again(
        self,
        seed: int,
        earlier: TemplateDraw,
        failed: Int[np.ndarray, " some"],
        *,
        renewal: int,
    ) -> TemplateDraw:
        """Other templates for draws in which nothing succeeded.

        Each has the group of the earlier one, and as many elements if it is a known
        prototype; a new one is replaced by a new one. So what is hard to draw does not
        become rare.

        Args:
            seed: Of the run.
            earlier: The templates that failed, among others.
            failed: Which of them failed.
            renewal: How often these draws have had other templates, from 1.
        """
        draws = earlier.draws[failed]
        picks: list[_Pick] = []
        for place, index in zip(failed.tolist(), draws.tolist(), strict=True):
            rng = stream(seed, index, attempt=2 * renewal, purpose=Purpose.TEMPLATE)
            before = earlier.prototypes[place]
            picks.append(
                self._known(
                    rng,
                    before.space_group,
                    is_new=bool(earlier.is_new[place]),
                    log_prob=float(np.log(self.group_probability[before.space_group])),
                    n_elements=before.n_elements,
                )
            )
        return self._complete(seed, draws, picks, renewal=renewal)

    def _known(
        self,
        rng: np.random.Generator,
        group: int,
        *,
        is_new: bool,
        log_prob: float,
        n_elements: int = 0,
    ) -> "_Pick":
        """Pick a known prototype of a group, unless it is to be a new one."""
        chance = self.new_probability[group]
        if is_new:
            grammar = None
            if self.constraints:
                grammar = self.constraints.grammar(group, rng.random())
            return _Pick(group, None, log_prob + float(np.log(chance)), grammar)
        members = self._members[group]
        weight = self.row_weight[members]
        share = weight / weight.sum()
        alike = weight
        if n_elements:
            alike = weight * (self._elements[members] == n_elements)
        row = _pick(alike, rng.random())
        prototype = self.weights.vocabulary.prototype(int(members[row]))
        return _Pick(
            group, prototype, log_prob + float(np.log((1 - chance) * share[row]))
        )

    def _complete(
        self,
        seed: int,
        draws: Int[np.ndarray, " rows"],
        picks: "list[_Pick]",
        *,
        renewal: int,
    ) -> TemplateDraw:
        """Draw the new prototypes among some templates."""
        is_new = np.array([pick.prototype is None for pick in picks])
        log_prob = np.array([pick.log_prob for pick in picks])
        prototypes = [pick.prototype for pick in picks]
        places = np.flatnonzero(is_new)
        if len(places):
            attempts = 2 * (NEW_TRIES * renewal + np.arange(NEW_TRIES)) + 1
            drawn, gained = draw_new_prototypes(
                self.weights,
                np.array([picks[place].group for place in places]).repeat(NEW_TRIES),
                seed=seed,
                draws=draws[places].repeat(NEW_TRIES),
                attempt=np.tile(attempts, len(places)),
                max_atoms=self.max_atoms,
                temperature=self.request.temperature,
                grammars=[picks[p].grammar for p in places.repeat(NEW_TRIES)],
            )
            for number, place in enumerate(places.tolist()):
                tries = range(number * NEW_TRIES, (number + 1) * NEW_TRIES)
                best = max(tries, key=lambda each: self._newness(drawn[each]))
                prototypes[place] = drawn[best]
                log_prob[place] += gained[best]
        complete = tuple(p for p in prototypes if p is not None)
        return TemplateDraw(
            draws=draws,
            prototypes=complete,
            templates=to_templates(complete, self.weights.vocabulary),
            log_prob=log_prob,
            is_new=is_new,
        )

    def _can_build(self, group: int) -> bool:
        """Whether positions of an allowed group can hold what is asked for."""
        if not (self._allowed_groups[group] and is_reachable(group, self.max_atoms)):
            return False
        return self.constraints is None or self.constraints.can_build(group)

    def _why_impossible(self) -> str:
        """Say why no template is left, and what would be possible."""
        if self.constraints:
            groups = np.flatnonzero(self._allowed_groups).tolist()
            return why_no_composition(self.constraints, groups)
        return why_no_template(
            self.request,
            max_atoms=self.max_atoms,
            trained=self.weights.config.max_atoms,
        )

    @cached_property
    def _allowed_groups(self) -> Bool[np.ndarray, " groups"]:
        return allowed_groups(self.request)

    @cached_property
    def _fits(self) -> Bool[np.ndarray, " prototypes"]:
        """Known prototypes that the request allows."""
        allowed = self._allowed_groups[self.weights.vocabulary.space_group]
        fits = allowed & (self._atoms <= self.max_atoms)
        return fits & self.constraints.fits() if self.constraints else fits

    @cached_property
    def _largest_count(self) -> float:
        """Crystals of the most frequent prototype that the request allows."""
        return float(self.weights.vocabulary.count[self._fits].max(initial=1))

    @cached_property
    def _atoms(self) -> Int[np.ndarray, " prototypes"]:
        """Atoms in the primitive cell of each known prototype."""
        return role_counts(self.weights.vocabulary).sum(axis=1)

    def _newness(self, prototype: Prototype) -> int:
        """2 for a template never seen, 1 for a prototype never seen, else 0."""
        vocabulary = self.weights.vocabulary
        is_unseen = prototype not in vocabulary.index
        return is_unseen + (prototype.template not in vocabulary.templates)

    @cached_property
    def _elements(self) -> Int[np.ndarray, " prototypes"]:
        """Distinct elements of each known prototype."""
        vocabulary = self.weights.vocabulary
        return np.maximum.reduceat(vocabulary.role, vocabulary.offsets[:-1]) + 1

    @cached_property
    def _members(self) -> dict[int, Int[np.ndarray, " rows"]]:
        """Known prototypes of each group that the request allows."""
        fits = np.flatnonzero(self._fits)
        groups = self.weights.vocabulary.space_group[fits]
        return {int(group): fits[groups == group] for group in np.unique(groups)}


def _pick(probability: Float64[np.ndarray, " items"], uniform: float) -> int:
    """Item whose share of the unit interval holds ``uniform``."""
    edges = probability.cumsum()
    return int(np.searchsorted(edges, uniform * edges[-1], side="right"))
