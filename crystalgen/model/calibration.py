"""Predictions whose intervals hold what they say.

Networks are sure of themselves beyond what they can do on crystals that they have not
seen. So the errors on some of those, in units of the predicted scale, replace the
distribution that the networks were trained with: split conformal prediction (Vovk,
Gammerman and Shafer, 2005) with the quantile of every level, as in Kuleshov, Fenner and
Ermon (2018, arXiv:1807.00263). Crystals of which the networks are sure are calibrated
apart from others (Mondrian conformal prediction): else the metals, whose gap of zero is
easy to tell, would make the intervals of semiconductors too narrow.
"""

import math
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor, nn

N_CLASSES = 4
"""Parts into which crystals are sorted by the predicted scale, equally many in each."""
N_LEVELS = 199
"""Quantiles that are kept: 0.5 %, 1 % ... 99.5 %."""


class CalibrationArrays(NamedTuple):
    """What is known of the errors on crystals that were not trained on."""

    quantiles: Float32[np.ndarray, "properties classes levels"]
    """Of (label - location) / scale in each class, at the levels of `levels`."""
    edges: Float32[np.ndarray, "properties edges"]
    """Predicted scales that part the classes."""
    n: Float32[np.ndarray, " properties"]
    """Labels that this was measured on."""


def levels() -> Float[Tensor, " levels"]:
    """Probabilities at which quantiles are kept."""
    return torch.arange(1, N_LEVELS + 1) / (N_LEVELS + 1)


class Calibration(nn.Module):
    """Quantiles of errors, as buffers.

    Args:
        arrays: Of every property.
    """

    quantiles: Float[Tensor, "properties classes levels"]
    edges: Float[Tensor, "properties edges"]
    n: Float[Tensor, " properties"]

    def __init__(self, arrays: CalibrationArrays) -> None:
        super().__init__()
        for name, array in arrays._asdict().items():
            self.register_buffer(name, torch.from_numpy(array.copy()))


def quantile(
    location: Float[Tensor, "crystals properties"],
    scale: Float[Tensor, "crystals properties"],
    level: float,
    calibration: Calibration | None,
) -> Float[Tensor, "crystals properties"]:
    """Value below which a property lies with some probability, standardised.

    Args:
        location: Predicted.
        scale: Predicted, > 0.
        level: The probability, within 0.005 and 0.995.
        calibration: From crystals not trained on; None takes the networks at their
            word, which is a Laplace distribution.
    """
    if calibration is None:
        return location + scale * _laplace_quantile(level)
    place = min(max(level * (N_LEVELS + 1) - 1, 0.0), N_LEVELS - 1.0)
    low = min(math.floor(place), N_LEVELS - 2)
    share = place - low
    table = calibration.quantiles
    of_class = (1 - share) * table[..., low] + share * table[..., low + 1]
    chosen = torch.searchsorted(calibration.edges, scale.T.contiguous())
    of_errors = of_class.gather(1, chosen).T
    return location + scale * of_errors


def fit_calibration(
    location: Float[Tensor, "crystals properties"],
    scale: Float[Tensor, "crystals properties"],
    labels: Float[Tensor, "crystals properties"],
) -> CalibrationArrays:
    """Measure the errors on crystals that were not trained on.

    Args:
        location: Predicted, standardised.
        scale: Predicted.
        labels: True values, NaN where unknown; at least `N_CLASSES` of each property
            known.
    """
    quantiles, edges, counts = [], [], []
    parts = torch.arange(1, N_CLASSES, device=scale.device) / N_CLASSES
    for column in range(labels.shape[1]):
        known = ~labels[:, column].isnan()
        width = scale[known, column]
        errors = (labels[known, column] - location[known, column]) / width
        edge = width.quantile(parts)
        sort = torch.searchsorted(edge, width)
        of_classes = [_conformal(errors[sort == k].double()) for k in range(N_CLASSES)]
        quantiles.append(torch.stack(of_classes))
        edges.append(edge)
        counts.append(len(errors))
    return CalibrationArrays(
        quantiles=torch.stack(quantiles).float().cpu().numpy(),
        edges=torch.stack(edges).float().cpu().numpy(),
        n=np.array(counts, dtype=np.float32),
    )


def _conformal(errors: Float[Tensor, " labels"]) -> Float[Tensor, " levels"]:
    """Quantiles that a further error lies below with just the probability they say."""
    ordered = errors.sort().values
    n = len(ordered)
    # a new error is equally likely in each of the n + 1 gaps between n ordered ones
    places = (levels().to(ordered) * (n + 1) - 1).clamp(0, n - 1)
    low = places.floor().long().clamp(max=max(n - 2, 0))
    high = (low + 1).clamp(max=n - 1)
    share = places - low
    return (1 - share) * ordered[low] + share * ordered[high]


def _laplace_quantile(level: float) -> float:
    """Of a Laplace distribution around 0 with scale 1."""
    side = level - 0.5
    return math.copysign(math.log1p(-2 * abs(side)), side)
