"""Which group, which positions, which of them share an element: drawn first.

A template is a known prototype, drawn as often as it was seen in training, or a new one
from the autoregressive prior under the legality masks. Only templates that the request
allows are ever drawn.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float64, Int

from crystalgen.errors import RequestError
from crystalgen.generation.constraints import Constraints
from crystalgen.generation.grammar import Grammar
from crystalgen.generation.impossible import why_no_composition, why_no_template
from crystalgen.generation.new_templates import draw_new_prototypes
from crystalgen.generation.noise import Purpose, stream
from crystalgen.generation.request import Request
from crystalgen.generation.template_chances import Chances, TemplateChances
from crystalgen.generation.template_draw import TemplateDraw, to_templates
from crystalgen.generation.weights import Weights
from crystalgen.representation.prototype import Prototype

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
        _ = self.chances.targets  # refused now, not at the first draw
        if not self.chances.untold.groups.sum() > 0:
            raise RequestError(self._why_impossible())

    @cached_property
    def chances(self) -> TemplateChances:
        """How often templates are drawn."""
        return TemplateChances(weights=self.weights, request=self.request)

    @property
    def constraints(self) -> Constraints | None:
        """What the request asks of compositions; None if nothing."""
        return self.chances.constraints

    def draw(self, seed: int, draws: Int[np.ndarray, " rows"]) -> TemplateDraw:
        """Templates of the given draws.

        Args:
            seed: Of the run.
            draws: Numbers of the draws.
        """
        picks: list[_Pick] = []
        for index in draws.tolist():
            rng = stream(seed, index, attempt=0, purpose=Purpose.TEMPLATE)
            chances = self.chances.of_draw(index)
            group = _pick(chances.groups, rng.random())
            is_new = bool(rng.random() < chances.new[group])
            picks.append(self._known(rng, chances, group, is_new=is_new))
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
                    self.chances.of_draw(index),
                    before.space_group,
                    is_new=bool(earlier.is_new[place]),
                    n_elements=before.n_elements,
                )
            )
        return self._complete(seed, draws, picks, renewal=renewal)

    def _known(
        self,
        rng: np.random.Generator,
        chances: Chances,
        group: int,
        *,
        is_new: bool,
        n_elements: int = 0,
    ) -> "_Pick":
        """Pick a known prototype of a group, unless it is to be a new one."""
        chance = chances.new[group]
        log_prob = float(np.log(chances.groups[group]))
        if is_new:
            grammar = None
            if self.constraints:
                grammar = self.constraints.grammar(group, rng.random())
            return _Pick(group, None, log_prob + float(np.log(chance)), grammar)
        members = self._members[group]
        weight = chances.prototypes[members]
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
        targets = self.chances.targets
        guidance = targets and targets.guidance(draws)
        if len(places):
            tries = torch.from_numpy(places.repeat(NEW_TRIES))
            attempts = 2 * (NEW_TRIES * renewal + np.arange(NEW_TRIES)) + 1
            drawn, gained = draw_new_prototypes(
                self.weights,
                np.array([picks[place].group for place in places]).repeat(NEW_TRIES),
                seed=seed,
                draws=draws[places].repeat(NEW_TRIES),
                attempt=np.tile(attempts, len(places)),
                max_atoms=self.chances.max_atoms,
                temperature=self.request.temperature,
                grammars=[picks[p].grammar for p in tries.tolist()],
                guidance=guidance and guidance.rows(tries),
            )
            for number, place in enumerate(places.tolist()):
                own = range(number * NEW_TRIES, (number + 1) * NEW_TRIES)
                best = max(own, key=lambda each: self._newness(drawn[each]))
                prototypes[place] = drawn[best]
                log_prob[place] += gained[best]
        complete = tuple(p for p in prototypes if p is not None)
        return TemplateDraw(
            draws=draws,
            prototypes=complete,
            templates=to_templates(complete, self.weights.vocabulary),
            log_prob=log_prob,
            is_new=is_new,
            guidance=guidance,
        )

    def _why_impossible(self) -> str:
        """Say why no template is left, and what would be possible."""
        if self.constraints:
            groups = np.flatnonzero(self.chances.allowed_groups).tolist()
            return why_no_composition(self.constraints, groups)
        return why_no_template(
            self.request,
            max_atoms=self.chances.max_atoms,
            trained=self.weights.config.max_atoms,
        )

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
        fits = np.flatnonzero(self.chances.fits)
        groups = self.weights.vocabulary.space_group[fits]
        return {int(group): fits[groups == group] for group in np.unique(groups)}


def _pick(probability: Float64[np.ndarray, " items"], uniform: float) -> int:
    """Item whose share of the unit interval holds ``uniform``."""
    edges = probability.cumsum()
    return int(np.searchsorted(edges, uniform * edges[-1], side="right"))
