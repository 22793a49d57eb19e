"""Properties of crystals, with intervals that they lie in.

A surrogate: what networks learnt from the labels of the training data. Whether the
intervals hold depends on `crystalgen calibrate`, and on the crystals: they hold for
crystals like those that the weights were calibrated on.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import Tensor

from crystalgen.errors import RequestError
from crystalgen.generation.encoding import examples_of
from crystalgen.generation.weights import Weights
from crystalgen.model.calibration import quantile
from crystalgen.model.collate import Examples, collate
from crystalgen.model.properties import PropertyScales
from crystalgen.representation.crystal import SymmetricCrystal

BATCH = 64
"""Crystals read together."""
DIGITS = 6
"""Decimals in tables."""
COVERAGES = (0.5, 0.8, 0.95)
"""Probabilities of the intervals."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """One property of one crystal, in the unit of the training data.

    Attributes:
        median: As likely exceeded as not.
        intervals: Lowest and highest value with each probability of `COVERAGES`.
    """

    median: float
    intervals: tuple[tuple[float, float], ...]

    def columns(self, name: str) -> dict[str, float]:
        """Columns of a table: name, name_50_low, name_50_high and so on."""
        found = {name: _rounded(self.median)}
        for share, (low, high) in zip(COVERAGES, self.intervals, strict=True):
            found[f"{name}_{share:.0%}_low".replace("%", "")] = _rounded(low)
            found[f"{name}_{share:.0%}_high".replace("%", "")] = _rounded(high)
        return found


def _rounded(value: float) -> float:
    return round(value, DIGITS) + 0.0  # no -0.0


def predict(
    weights: Weights, crystals: Sequence[SymmetricCrystal]
) -> Iterator[dict[str, Prediction]]:
    """Predict all properties that the weights know, in order, some at a time.

    Raises:
        RequestError: The weights know none.
        RepresentationError: A crystal has more orbits or elements than the networks
            can read.
    """
    check_predicts(weights)
    for start in range(0, len(crystals), BATCH):
        examples = examples_of(weights, crystals[start : start + BATCH])
        yield from _predictions(weights, *distributions(weights, examples))


def check_predicts(weights: Weights) -> PropertyScales:
    """Make sure that weights know properties; returns their spread.

    Raises:
        RequestError: They know none.
    """
    scales = weights.networks.statistics.properties
    if scales is None:
        raise RequestError(
            f"weights {weights.name} were trained without properties; choose others "
            "with --checkpoint, or train some with [model] properties"
        )
    return scales


@torch.inference_mode()
def distributions(
    weights: Weights, examples: Examples
) -> tuple[Float[Tensor, "crystals properties"], Float[Tensor, "crystals properties"]]:
    """Locations and scales as the networks say them, standardised, on the CPU."""
    found = [
        weights.autoencoder.predict(
            collate(examples, np.arange(start, min(start + BATCH, len(examples)))).to(
                weights.device
            )
        )
        for start in range(0, len(examples), BATCH)
    ]
    return (
        torch.cat([each.location for each in found]).cpu(),
        torch.cat([each.scale for each in found]).cpu(),
    )


def quantiles(
    weights: Weights,
    location: Float[Tensor, "crystals properties"],
    scale: Float[Tensor, "crystals properties"],
    level: float,
) -> Float64[np.ndarray, "crystals properties"]:
    """Value below which each property lies with some probability, in its unit.

    Args:
        weights: With or without a calibration.
        location: As `distributions` gives it.
        scale: As `distributions` gives it.
        level: The probability.
    """
    scales = check_predicts(weights)
    statistics = weights.networks.statistics
    found = quantile(
        location.to(weights.device),
        scale.to(weights.device),
        level,
        statistics.calibration,
    )
    return (found * scales.scale + scales.centre).double().cpu().numpy()


def _predictions(
    weights: Weights,
    location: Float[Tensor, "crystals properties"],
    scale: Float[Tensor, "crystals properties"],
) -> Iterator[dict[str, Prediction]]:
    median = quantiles(weights, location, scale, 0.5)
    ends = [
        (
            quantiles(weights, location, scale, (1 - share) / 2),
            quantiles(weights, location, scale, (1 + share) / 2),
        )
        for share in COVERAGES
    ]
    for row in range(len(median)):
        yield {
            name: Prediction(
                median=float(median[row, column]),
                intervals=tuple(
                    (float(low[row, column]), float(high[row, column]))
                    for low, high in ends
                ),
            )
            for column, name in enumerate(weights.config.properties)
        }
