"""Properties of crystals as numbers of order one.

Knows names, units and the spread of the labels of a training set, which travels inside
the checkpoint. Does not know what a property means.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Float32, Float64
from torch import Tensor, nn

TAILS = (0.05, 0.95)
"""Quantiles between which the bulk of the labels lies: 3.29 deviations of a normal
distribution."""
BULK = 3.29
RANGE = (0.001, 0.999)
"""Quantiles between which values can be asked for with examples to go by."""


class PropertyArrays(NamedTuple):
    """Spread of the labels of each property, in its own unit."""

    centre: Float32[np.ndarray, " properties"]
    """Median."""
    scale: Float32[np.ndarray, " properties"]
    """Robust standard deviation, > 0."""
    low: Float32[np.ndarray, " properties"]
    """Nearly the smallest label, see `RANGE`."""
    high: Float32[np.ndarray, " properties"]
    """Nearly the largest label."""


class PropertyScales(nn.Module):
    """Spread of the labels, as buffers.

    Args:
        arrays: Of every property.
    """

    centre: Float[Tensor, " properties"]
    scale: Float[Tensor, " properties"]
    low: Float[Tensor, " properties"]
    high: Float[Tensor, " properties"]

    def __init__(self, arrays: PropertyArrays) -> None:
        super().__init__()
        for name, array in arrays._asdict().items():
            self.register_buffer(name, torch.from_numpy(array.copy()))

    def standardise(
        self, values: Float[Tensor, "crystals properties"]
    ) -> Float[Tensor, "crystals properties"]:
        """Values as deviations from the median; NaN where unknown."""
        return (values - self.centre) / self.scale


def fit_scales(
    properties: Mapping[str, Float64[np.ndarray, " crystals"]], names: Sequence[str]
) -> PropertyArrays:
    """Measure the spread of some properties.

    Args:
        properties: Values by name, some of each known; unknown ones are left out.
        names: Of the properties, in the order of the tensors.
    """
    spreads = [_spread(properties[name]) for name in names]
    columns = np.array(spreads, dtype=np.float32).reshape(-1, 4).T
    return PropertyArrays(*(np.ascontiguousarray(column) for column in columns))


def property_columns(
    properties: Mapping[str, Float64[np.ndarray, " crystals"]],
    names: Sequence[str],
    n_crystals: int,
) -> Float32[np.ndarray, "crystals properties"]:
    """Values of some properties side by side, NaN for those that a table lacks."""
    columns = np.full((n_crystals, len(names)), np.nan, dtype=np.float32)
    for place, name in enumerate(names):
        if name in properties:
            columns[:, place] = properties[name]
    columns[~np.isfinite(columns)] = np.nan
    return columns


def _spread(
    values: Float64[np.ndarray, " crystals"],
) -> tuple[float, float, float, float]:
    known = values[np.isfinite(values)]
    lower, upper = np.quantile(known, TAILS)
    scale = (upper - lower) / BULK or known.std() or 1.0
    low, high = np.quantile(known, RANGE)
    return float(np.median(known)), float(scale), float(low), float(high)
