"""How much likelier conditions make space groups and known prototypes.

    log p(group | y) / p(group)  +  log p(prototype | group, y) / p(prototype | group)

Known templates are drawn as often as they were seen, times this to the power of the
guidance, `MOST_POWER` at most. So what was counted stays counted, and what was learnt
says only how a condition changes it.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float64, Int
from torch import Tensor

from crystalgen.generation.targets import Targets
from crystalgen.generation.weights import Weights
from crystalgen.model.batch import Templates
from crystalgen.model.collate import to_templates
from crystalgen.model.tables import N_GROUPS

BATCH = 256
"""Prototypes judged together."""
MOST_POWER = 1.5
"""Guidance beyond which templates are tilted no further: a few prototypes would crowd
out the others, and properties come no nearer."""
MOST = 60.0
"""Largest exponent of a factor, so that none leaves the range of numbers."""


class Tilt(NamedTuple):
    """Factors on the weights of templates; none is 0."""

    groups: Float64[np.ndarray, " groups"]
    """Of each space group; row 0 is unused."""
    prototypes: Float64[np.ndarray, " prototypes"]
    """Of each known prototype, its group's included; 1 where it was not judged."""


@dataclass(frozen=True, kw_only=True)
class TemplateTilt:
    """Factors for each combination of values that draws ask for.

    Attributes:
        weights: Trained with properties.
        targets: What is asked for.
        rows: Known prototypes to judge.
        temperature: Of the draws.
    """

    weights: Weights
    targets: Targets
    rows: Int[np.ndarray, " rows"]
    temperature: float

    def at(self, point: int) -> Tilt:
        """Factors of one combination of values."""
        asked = self.targets.standardised[point : point + 1].to(self.weights.device)
        gained = self._groups(asked) - self._groups(torch.full_like(asked, torch.nan))
        groups = self._factors(gained)
        of_rows = self._log_likelihood(asked) - self._free
        group_of = self.weights.vocabulary.space_group
        prototypes = np.ones(len(group_of))
        prototypes[self.rows] = self._factors(of_rows + gained[group_of[self.rows]])
        return Tilt(groups, prototypes)

    def _factors(
        self, gained: Float64[np.ndarray, " items"]
    ) -> Float64[np.ndarray, " items"]:
        power = min(self.targets.weight, MOST_POWER)
        exponent = power * gained / self.temperature
        return np.exp(exponent.clip(-MOST, MOST))

    @torch.inference_mode()
    def _groups(self, asked: Tensor) -> Float64[np.ndarray, " groups"]:
        log_prob = self.weights.networks.group_prior(asked)[0].double().cpu().numpy()
        log_prob[0] = 0.0
        return log_prob[: N_GROUPS + 1]

    @cached_property
    def _free(self) -> Float64[np.ndarray, " rows"]:
        return self._log_likelihood(None)

    @torch.inference_mode()
    def _log_likelihood(self, asked: Tensor | None) -> Float64[np.ndarray, " rows"]:
        """Of each prototype given its group."""
        prior = self.weights.networks.prototype_prior
        found = np.zeros(len(self.rows))
        for places, templates in self._batches:
            told = None if asked is None else asked.expand(len(places), -1)
            likely = prior.log_likelihood(templates, told)
            found[places] = likely.double().cpu().numpy()
        return found

    @cached_property
    def _batches(self) -> list[tuple[Int[np.ndarray, " batch"], Templates]]:
        """The prototypes, those of a size together, and their places among the rows."""
        vocabulary = self.weights.vocabulary
        sizes = np.diff(vocabulary.offsets)[self.rows]
        order = np.argsort(sizes, kind="stable")
        batches = []
        for start in range(0, len(order), BATCH):
            places = order[start : start + BATCH]
            prototypes = tuple(
                vocabulary.prototype(row) for row in self.rows[places].tolist()
            )
            templates = to_templates(prototypes, vocabulary).to(self.weights.device)
            batches.append((places, templates))
        return batches
