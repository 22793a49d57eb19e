"""Noise that depends on the draw alone.

Every draw has streams of its own, named by seed, draw, attempt and purpose. So crystal
number i is the same whatever the batch, the number of workers or an interruption.
"""

from collections.abc import Sequence
from enum import IntEnum

import numpy as np
import torch
from jaxtyping import Float, Float64, Int
from torch import Tensor

_APART = 1 << 40
"""More attempts than are ever made."""
_GOLDEN = 0x9E3779B97F4A7C15
"""2^64 divided by the golden ratio, as an odd number."""


class Purpose(IntEnum):
    """What a stream is for."""

    TEMPLATE = 0
    SPECIES = 1
    GEOMETRY = 2


def stream(
    seed: int, draw: int, *, attempt: int, purpose: Purpose
) -> np.random.Generator:
    """Random stream of one purpose of one attempt at one draw.

    Philox is counter-based (Salmon et al., 2011): the name of the stream is its key and
    the high words of its counter, so streams never overlap.

    Args:
        seed: Of the whole run, >= 0.
        draw: Index of the draw, >= 0.
        attempt: Number of the attempt, >= 0.
        purpose: What the numbers are for.
    """
    counter = np.array([0, 0, attempt * len(Purpose) + purpose, draw], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(key=seed, counter=counter))


def row_noise(
    seed: int,
    draws: Int[np.ndarray, " rows"],
    shape: Sequence[int],
    *,
    attempt: int | Int[np.ndarray, " rows"],
    purpose: Purpose,
) -> Float[Tensor, "rows ..."]:
    """Gumbel(0, 1) noise, one row for each draw from its own stream.

    A row of a larger first axis begins like one of a smaller, so padding is harmless.
    """
    noise = np.empty((len(draws), *shape), dtype=np.float32)
    attempts = np.broadcast_to(attempt, len(draws)).tolist()
    for row, (draw, number) in enumerate(zip(draws.tolist(), attempts, strict=True)):
        generator = stream(seed, draw, attempt=number, purpose=purpose)
        generator.standard_exponential(out=noise[row], dtype=np.float32)
    np.maximum(noise, np.finfo(np.float32).tiny, out=noise)
    return torch.from_numpy(-np.log(noise))


def row_uniform(
    seed: int,
    draws: Int[np.ndarray, " rows"],
    shape: Sequence[int],
    *,
    attempt: int | Int[np.ndarray, " rows"],
    purpose: Purpose,
) -> Float64[np.ndarray, "rows ..."]:
    """Uniform noise in [0, 1) in the same way, from streams apart from the above.

    Args:
        seed: Of the whole run, >= 0.
        draws: Index of each draw, >= 0.
        shape: Of the noise of one draw.
        attempt: Number of the attempt, of all or of each.
        purpose: What the numbers are for.
    """
    attempts = np.broadcast_to(attempt, len(draws)).tolist()
    return np.stack(
        [
            stream(seed, draw, attempt=_APART + number, purpose=purpose).random(shape)
            for draw, number in zip(draws.tolist(), attempts, strict=True)
        ]
    )


def spread_uniform(seed: int, draw: int) -> float:
    """Number in [0, 1) that fills the interval evenly as draws go on.

    Multiples of the golden ratio (Weyl, 1916) moved by a random shift of the run
    (Cranley and Patterson, 1976): each number alone is uniform over seeds, and of any n
    draws in a row, an interval gets its share of n to within a few, where independent
    numbers are off by the root of n.

    Args:
        seed: Of the whole run, >= 0.
        draw: Index of the draw, >= 0.
    """
    rng = stream(seed, 0, attempt=2 * _APART, purpose=Purpose.TEMPLATE)
    place = int(rng.integers(1 << 64, dtype=np.uint64)) + draw * _GOLDEN
    return (place % (1 << 64) >> 12) / (1 << 52)
