"""Conditions of a request as values for each draw.

A single value is the same for all draws. A range is asked for at `N_POINTS` values
spread evenly over it, and of several ranges at as many combinations that fill the
space between them (Halton, 1960); draw number i takes combination i modulo `N_POINTS`,
so every run covers its ranges, whatever its seed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import cycle

import numpy as np
import torch
from jaxtyping import Float, Float64, Int
from torch import Tensor

from crystalgen.errors import RequestError
from crystalgen.generation.condition import Condition
from crystalgen.generation.request import Request
from crystalgen.generation.weights import Weights
from crystalgen.model.guidance import Guidance

N_POINTS = 8
"""Combinations of values at which ranges are asked for."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Targets:
    """What is asked of each draw.

    Attributes:
        names: Properties that the networks know.
        values: Combinations of values, in the units of the properties; NaN where
            nothing is asked.
        standardised: The same as the networks read them.
        weight: How hard to insist, > 0.
    """

    names: tuple[str, ...]
    values: Float64[np.ndarray, "points properties"]
    standardised: Float[Tensor, "points properties"]
    weight: float

    def point_of(self, draw: int) -> int:
        """Combination that a draw takes."""
        return draw % len(self.values)

    def of_draw(self, draw: int) -> dict[str, float]:
        """Values asked of a draw, by property."""
        row = self.values[self.point_of(draw)].tolist()
        pairs = zip(self.names, row, strict=True)
        return {name: value for name, value in pairs if not np.isnan(value)}

    def guidance(self, draws: Int[np.ndarray, " rows"]) -> Guidance:
        """What the networks are told of some draws."""
        points = torch.from_numpy(draws.astype(np.int64) % len(self.values))
        return Guidance(conditions=self.standardised[points], weight=self.weight)


def targets_of(weights: Weights, request: Request) -> Targets | None:
    """What a request asks of each draw; None if it asks for no property.

    Raises:
        RequestError: The networks do not know a property, or no training crystal comes
            near a value.
    """
    scales = weights.networks.statistics.properties
    if not request.conditions:
        return None
    if scales is None:
        raise RequestError(
            f"condition {request.conditions[0].name}: weights {weights.name} were "
            "trained without properties; choose others with --checkpoint, or train "
            "some with [model] properties"
        )
    names = weights.config.properties
    n_points = N_POINTS if any(each.is_range for each in request.conditions) else 1
    values = np.full((n_points, len(names)), np.nan)
    bases = cycle(_PRIMES)
    for condition in request.conditions:
        column = _column(condition.name, names, weights.name)
        trained = (float(scales.low[column]), float(scales.high[column]))
        low, high = _within(condition, trained)
        if condition.is_range:
            share = _radical_inverse(n_points, next(bases))
            values[:, column] = low + (high - low) * share
        else:
            values[:, column] = low
    if not request.guidance:
        return None
    raw = torch.from_numpy(values).float().to(weights.device)
    return Targets(
        names=names,
        values=values,
        standardised=scales.standardise(raw).cpu(),
        weight=request.guidance,
    )


def _column(name: str, names: Sequence[str], weights: str) -> int:
    """Place of a property among those that the networks know."""
    if name in names:
        return names.index(name)
    nearest = get_close_matches(name, names, n=1)
    hint = f"did you mean {nearest[0]}? " if nearest else ""
    raise RequestError(
        f"condition {name}: weights {weights} know no such property; {hint}they know "
        f"{', '.join(names)}"
    )


def _within(condition: Condition, trained: tuple[float, float]) -> tuple[float, float]:
    """The part of a range that training crystals have."""
    low, high = max(condition.low, trained[0]), min(condition.high, trained[1])
    if low > high:
        raise RequestError(
            f"condition {condition.name}: got {condition.spelling}; expected values "
            f"from {trained[0]:.4g} to {trained[1]:.4g}, as training crystals have"
        )
    return low, high


_PRIMES = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47)
"""Bases of the radical inverses of one range after the other."""


def _radical_inverse(n: int, base: int) -> Float64[np.ndarray, " points"]:
    """The first numbers of van der Corput's sequence, centred in their cells.

    >>> _radical_inverse(4, 2).tolist()
    [0.125, 0.625, 0.375, 0.875]
    """
    inverse, width = np.zeros(n), 1.0
    rest = np.arange(n)
    while rest.any():
        width /= base
        inverse += rest % base * width
        rest //= base
    return inverse + width / 2
