"""What a request leaves to draw from, and how a trial of it goes.

The trial is the first block of draws of the run itself, so nothing in it is guessed;
how soon a narrow request runs out of crystals that differ, it shows but in part.
"""

import time
from dataclasses import dataclass

import numpy as np

from crystalgen.generation.block_sizes import DRAWS_PER_BLOCK
from crystalgen.generation.duplicates import SeenCrystals
from crystalgen.generation.request import Request
from crystalgen.generation.sampling import run_blocks
from crystalgen.generation.targets import N_POINTS
from crystalgen.generation.templates import TemplateSource
from crystalgen.generation.weights import Weights


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What a request leaves, and what the first draws give."""

    n_groups: int
    """Space groups that are drawn."""
    n_prototypes: int
    """Known prototypes that fit."""
    n_known: int
    """Known prototypes altogether."""
    new_share: float
    """Share of the draws that take a new prototype."""
    n_elements: int
    """Elements that may occur."""
    drawn: int
    """Trial draws."""
    valid: int
    """Valid crystals among them."""
    unique: int
    """Different ones among these."""
    trial_seconds: float
    """Seconds that the trial took, on one core."""
    wanted: int
    """Crystals asked for."""

    @property
    def seconds(self) -> float | None:
        """Seconds for all crystals on one core, at that pace; None without any."""
        if not self.unique:
            return None
        return self.trial_seconds * self.wanted / self.unique


def outlook(weights: Weights, request: Request, *, seed: int) -> Outlook:
    """Find out what a request leaves, and try the first block of draws.

    Args:
        weights: Trained networks.
        request: What is wanted.
        seed: Of the run.

    Raises:
        RequestError: No crystal can fulfil the request.
    """
    source = TemplateSource(weights=weights, request=request)
    chances = [source.chances.of_draw(draw) for draw in range(N_POINTS)]
    started = time.monotonic()
    outcomes = run_blocks(weights, source, seed, range(1))
    valid = [each.candidate for each in outcomes if each.candidate and not each.fault]
    seen = SeenCrystals()
    unique = sum(seen.add(each.crystal) for each in valid)
    trained = int((weights.networks.statistics.species_count > 0).sum())
    constraints = source.constraints
    return Outlook(
        n_groups=int((source.chances.untold.groups > 0).sum()),
        n_prototypes=int((source.chances.untold.prototypes > 0).sum()),
        n_known=len(weights.vocabulary),
        new_share=float(np.mean([np.dot(each.groups, each.new) for each in chances])),
        n_elements=len(constraints.pool.elements) if constraints else trained,
        drawn=DRAWS_PER_BLOCK,
        valid=len(valid),
        unique=unique,
        trial_seconds=time.monotonic() - started,
        wanted=request.n,
    )
