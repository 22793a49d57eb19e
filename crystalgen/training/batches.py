"""Which crystals go into which batch: a pure function of sizes, epoch and seed.

Crystals of like size share a batch, so that little of it is padding. The number of
batches is the same in every epoch, which makes epochs and steps exchangeable.
"""

import numpy as np
from jaxtyping import Int

from crystalgen.errors import TrainingError


def batch_plan(
    n_orbits: Int[np.ndarray, " crystals"],
    *,
    orbits_per_batch: int,
    epoch: int,
    seed: int,
    rank: int = 0,
    world_size: int = 1,
) -> list[Int[np.ndarray, " batch"]]:
    """List the batches of one process for one epoch.

    Over all ranks, each crystal occurs exactly once; every rank gets the same number
    of batches, and the i-th batches of all ranks hold crystals of like size. A batch
    holds at most ``orbits_per_batch`` orbits, counted with padding, unless a single
    crystal is larger than that or the last crystals would leave a rank without any.

    Args:
        n_orbits: Orbits of each crystal, >= 1.
        orbits_per_batch: Largest batch of one process, with padding.
        epoch: Counts from 0.
        seed: Same seed, same plan, on every machine.
        rank: This process, below ``world_size``.
        world_size: Processes that share the crystals.

    Returns:
        Indices of crystals, one array for each batch.

    Raises:
        TrainingError: There are fewer crystals than processes.

    >>> sizes = np.array([1, 4, 1, 2])
    >>> [b.tolist() for b in batch_plan(sizes, orbits_per_batch=4, epoch=0, seed=1)]
    [[1], [0, 2], [3]]
    """
    n_crystals = len(n_orbits)
    if n_crystals < max(world_size, 1):
        raise TrainingError(
            f"{n_crystals} crystals cannot be shared by {world_size} processes; "
            "each needs at least one"
        )
    random = np.random.default_rng([seed, epoch])
    shuffled = random.permutation(n_crystals)
    ordered = shuffled[np.argsort(n_orbits[shuffled], kind="stable")]
    starts = _starts(n_orbits[ordered], orbits_per_batch, world_size)
    shared = np.split(ordered, starts[1:])
    order = random.permutation(len(shared))
    return [np.sort(shared[i][rank::world_size]) for i in order]


def _starts(
    sorted_sizes: Int[np.ndarray, " crystals"], orbits_per_batch: int, world_size: int
) -> list[int]:
    """Cut crystals that are sorted by size into batches shared by all processes."""
    starts = [0]
    n_crystals = len(sorted_sizes)
    for i in range(n_crystals):
        # the largest share of a process, were crystal i to join
        share = -(-(i + 1 - starts[-1]) // world_size)
        is_shared = i - starts[-1] >= world_size
        if is_shared and share * sorted_sizes[i] > orbits_per_batch:
            starts.append(i)
    if len(starts) > 1 and n_crystals - starts[-1] < world_size:
        starts.pop()
    return starts
