"""Good assignments where there are too many to try them all.

Gibbs sampling: several chains; in each step one role of a chain gets an element from
its distribution given the others (all elements are scored), by a Gumbel-max draw at a
temperature that falls from sweep to sweep (Geman and Geman, 1984). All that was ever
scored is kept, so the chains only decide where to look.
"""

from collections.abc import Iterator

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from crystalgen.decoration.scorer import Scorer
from crystalgen.decoration.sites import Assignment, Sites
from crystalgen.estimators.gumbel_softmax import gumbel_max
from crystalgen.estimators.schedules import TemperatureSchedule, temperature
from crystalgen.generation.noise import Purpose, row_noise
from crystalgen.generation.weights import Weights
from crystalgen.model.embedding import N_SPECIES

CHAINS = 8
SWEEPS = 4
"""Times that each open role of each chain is drawn again."""
ANNEALING = TemperatureSchedule(kind="exponential", start=2.0, end=0.5, fraction=1.0)


def search(
    weights: Weights, scorer: Scorer, sites: Sites, *, seed: int, scale: float
) -> Iterator[tuple[int, int]]:
    """Score assignments near good ones; yields the steps done and their number.

    Args:
        weights: How often each element occurs, for the start.
        scorer: Keeps what was scored.
        sites: Roles and their elements.
        seed: Same seed, same assignments.
        scale: Factor on all temperatures.
    """
    chains = _started(weights, sites, seed=seed)
    n_steps = SWEEPS * len(sites.open_roles)
    for step in range(n_steps):
        role = sites.open_roles[step % len(sites.open_roles)]
        heat = scale * temperature(ANNEALING, step / max(1, n_steps - 1))
        logits, fits = _conditionals(scorer, sites, chains, role)
        noise = _noise(seed, attempt=1 + step + len(sites.sizes))
        drawn = gumbel_max(logits, noise, temperature=heat, mask=fits)
        chains = [
            _with(chain, role, number)
            for chain, number in zip(chains, drawn.tolist(), strict=True)
        ]
        yield step + 1, n_steps


def _started(weights: Weights, sites: Sites, *, seed: int) -> list[Assignment]:
    """Chains whose open roles hold elements as frequent as in the training crystals."""
    chains = [sites.before] * CHAINS
    frequency = weights.networks.statistics.species_count.cpu().double().log()
    for role in sites.open_roles:
        fits = _fitting(sites, chains, role)
        drawn = gumbel_max(
            frequency.expand(CHAINS, -1),
            _noise(seed, attempt=role),
            temperature=1.0,
            mask=fits,
        )
        chains = [
            _with(chain, role, number)
            for chain, number in zip(chains, drawn.tolist(), strict=True)
        ]
    return chains


def _conditionals(
    scorer: Scorer, sites: Sites, chains: list[Assignment], role: int
) -> tuple[Float[Tensor, "chains species"], Bool[Tensor, "chains species"]]:
    """Scores of all elements for one role of each chain, and which may be drawn."""
    fits = _fitting(sites, chains, role)
    rows, numbers = (part.tolist() for part in fits.nonzero(as_tuple=True))
    made = [
        _with(chains[row], role, number)
        for row, number in zip(rows, numbers, strict=True)
    ]
    logits = torch.full(fits.shape, -torch.inf, dtype=torch.double)
    found = scorer.score(made)
    # a chain in which nothing fits stays where it is told to, whatever that is
    logits[rows, numbers] = torch.from_numpy(np.maximum(found, -1e9))
    return logits, fits


def _fitting(
    sites: Sites, chains: list[Assignment], role: int
) -> Bool[Tensor, "chains species"]:
    """Elements that each chain may have on a role, its present one included."""
    fits = torch.zeros(len(chains), N_SPECIES, dtype=torch.bool)
    for row, chain in enumerate(chains):
        for number in sites.options[role]:
            fits[row, number] = sites.is_allowed(_with(chain, role, number))
        if not fits[row].any():
            fits[row, chain[role]] = True
    return fits


def _with(chain: Assignment, role: int, number: int) -> Assignment:
    return (*chain[:role], number, *chain[role + 1 :])


def _noise(seed: int, *, attempt: int) -> Float[Tensor, "chains species"]:
    """Gumbel noise of one step."""
    return row_noise(
        seed,
        np.arange(CHAINS),
        (N_SPECIES,),
        attempt=attempt,
        purpose=Purpose.SPECIES,
    )
