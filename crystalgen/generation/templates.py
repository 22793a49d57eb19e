"""Which group, which positions, which of them share an element: drawn first.

A template is a known prototype, drawn as often as it was seen in training, or a new one
from the autoregressive prior under the legality masks. Only templates that the request
allows are ever drawn, and evenly: the draws of a run spread over them with less scatter
than independent ones.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float64, Int

from crystalgen.errors import RequestError
from crystalgen.generation.constraints import Constraints
from crystalgen.generation.expectation import check_stability
from crystalgen.generation.grammar import Grammar
from crystalgen.generation.impossible import why_no_composition, why_no_template
from crystalgen.generation.new_templates import draw_new_prototypes
from crystalgen.generation.noise import Purpose, spread_uniform, stream
from crystalgen.generation.request import Request
from crystalgen.generation.template_cells import NEW, n_elements
from crystalgen.generation.template_chances import Chances, TemplateChances
from crystalgen.generation.template_draw import TemplateDraw
from crystalgen.generation.weights import Weights
from crystalgen.model.collate import to_templates
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
        RequestError: No crystal can fulfil the request, or the weights cannot tell.
    """

    weights: Weights
    request: Request

    def __post_init__(self) -> None:
        # refused now, not at the first draw
        _ = self.chances.targets
        if self.request.min_stability:
            check_stability(self.weights)
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
            chances = self.chances.of_draw(index)
            group, row = chances.cells.at(spread_uniform(seed, index))
            rng = stream(seed, index, attempt=0, purpose=Purpose.TEMPLATE)
            picks.append(self._pick(group, row, chances, rng))
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
            chances = self.chances.of_draw(index)
            row = NEW
            if not earlier.is_new[place]:
                row = self._row_like(before, chances, rng.random())
            picks.append(self._pick(before.space_group, row, chances, rng))
        return self._complete(seed, draws, picks, renewal=renewal)

    def _row_like(self, before: Prototype, chances: Chances, uniform: float) -> int:
        """Row of a known prototype with the group and number of elements of another."""
        members = self._members[before.space_group]
        elements = n_elements(self.weights.vocabulary)
        is_alike = elements[members] == before.n_elements
        weight = chances.prototypes[members] * is_alike
        return int(members[_pick(weight, uniform)])

    def _pick(
        self, group: int, row: int, chances: Chances, rng: np.random.Generator
    ) -> _Pick:
        """A known prototype, or a new one with the grammar of what is asked for."""
        log_prob = chances.cells.log_prob(group, row)
        if row != NEW:
            return _Pick(group, self.weights.vocabulary.prototype(row), log_prob)
        grammar = None
        if self.constraints:
            grammar = self.constraints.grammar(group, rng.random())
        return _Pick(group, None, log_prob, grammar)

    def _complete(
        self,
        seed: int,
        draws: Int[np.ndarray, " rows"],
        picks: list[_Pick],
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
    def _members(self) -> dict[int, Int[np.ndarray, " rows"]]:
        """Known prototypes of each group that the request allows."""
        fits = np.flatnonzero(self.chances.fits)
        groups = self.weights.vocabulary.space_group[fits]
        return {int(group): fits[groups == group] for group in np.unique(groups)}


def _pick(probability: Float64[np.ndarray, " items"], uniform: float) -> int:
    """Item whose share of the unit interval holds ``uniform``."""
    edges = probability.cumsum()
    return int(np.searchsorted(edges, uniform * edges[-1], side="right"))
