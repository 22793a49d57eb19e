"""Distributions of the continuous part of a crystal.

Free coordinates live on a circle: mixtures of von Mises distributions. Cell shape
and volume are bounded log-ratios and cosines: Laplace distributions whose location
and scale cannot leave a physical range, so no cell is infinite or flat.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

LOG_CONCENTRATION_RANGE = (-4.0, 10.0)
"""Bounds of log κ; κ = e^10 is a standard deviation of 0.001 of a cell edge."""
SCALE_RANGE = (1e-3, 2.0)
"""Bounds of the Laplace scale, in units of the lattice features."""


def squash(
    raw: Float[Tensor, "*batch"], low: float, high: float
) -> Float[Tensor, "*batch"]:
    """Map any number into (low, high), smoothly; 0 goes to the middle."""
    return low + (high - low) * torch.sigmoid(raw)


def von_mises_log_density(
    offset: Float[Tensor, "*batch"], log_concentration: Float[Tensor, "*batch"]
) -> Float[Tensor, "*batch"]:
    """Log-density per unit of fractional coordinate.

    Args:
        offset: Coordinate minus location, in fractions of a cell edge.
        log_concentration: log κ.

    Source: Mardia and Jupp, Directional Statistics (2000), eq. 3.5.17, with the
    angle 2πu and therefore a Jacobian of 2π.
    """
    concentration = log_concentration.exp()
    # log I0(κ) = log(e^-κ I0(κ)) + κ; the κ joins κ cos(2πu) as -2κ sin²(πu)
    log_bessel = torch.special.i0e(concentration).log()
    half_turn = torch.sin(math.pi * offset).square()
    return -2 * concentration * half_turn - log_bessel


def mixture_log_likelihood(
    coords: Float[Tensor, "*batch 3"],
    locations: Float[Tensor, "*batch 3 components"],
    log_concentrations: Float[Tensor, "*batch 3 components"],
    log_weights: Float[Tensor, "*batch 3 components"],
) -> Float[Tensor, "*batch 3"]:
    """Log-density of free coordinates under mixtures of von Mises distributions.

    Args:
        coords: Fractional coordinates.
        locations: Component means, fractions of a cell edge.
        log_concentrations: log κ of each component.
        log_weights: Normalised log-probabilities of the components.
    """
    density = von_mises_log_density(coords[..., None] - locations, log_concentrations)
    return torch.logsumexp(density + log_weights, dim=-1)


def mixture_mode(
    locations: Float[Tensor, "*batch 3 components"],
    log_concentrations: Float[Tensor, "*batch 3 components"],
    log_weights: Float[Tensor, "*batch 3 components"],
) -> Float[Tensor, "*batch 3"]:
    """Location of the component with the highest peak, in [0, 1)."""
    peak = log_weights + von_mises_log_density(
        torch.zeros_like(locations), log_concentrations
    )
    best = peak.argmax(dim=-1, keepdim=True)
    mode = locations.gather(-1, best).squeeze(-1)
    wrapped = mode - mode.floor()
    return torch.where(wrapped < 1, wrapped, 0.0)


def laplace_log_likelihood(
    value: Float[Tensor, "*batch"],
    location: Float[Tensor, "*batch"],
    scale: Float[Tensor, "*batch"],
) -> Float[Tensor, "*batch"]:
    """Log-density of a Laplace distribution."""
    return -(value - location).abs() / scale - (2 * scale).log()
