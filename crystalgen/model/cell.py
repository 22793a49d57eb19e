"""Cells as six numbers that a network can learn.

    0    log of the volume per atom of the conventional cell (Å^3)
    1,2  log(b / a), log(c / a)
    3-5  cosines of alpha, beta, gamma

Which of them are free depends on the crystal system alone; the others have one value.
"""

import torch
from jaxtyping import Float
from torch import Tensor

N_FEATURES = 6
MIN_VOLUME_RATIO = 0.05
"""Smallest volume of a cell relative to a box with the same edges."""


def lattice_features(
    parameters: Float[Tensor, "crystals 6"], n_atoms: Float[Tensor, " crystals"]
) -> Float[Tensor, "crystals 6"]:
    """Features of conventional cells.

    Args:
        parameters: a, b, c in Å, alpha, beta, gamma in degrees.
        n_atoms: Atoms in the conventional cell.
    """
    lengths, angles = parameters[:, :3], parameters[:, 3:]
    cosines = torch.cos(torch.deg2rad(angles))
    log_volume = lengths.log().sum(dim=1) + _volume_ratio(cosines).log()
    ratios = (lengths[:, 1:] / lengths[:, :1]).log()
    return torch.cat([(log_volume - n_atoms.log())[:, None], ratios, cosines], dim=1)


def lattice_parameters(
    features: Float[Tensor, "crystals 6"], n_atoms: Float[Tensor, " crystals"]
) -> Float[Tensor, "crystals 6"]:
    """Conventional cells (Å, degrees) from their features; inverse of the above.

    Angles that no cell can have give a needle that the numeric gate refuses.
    """
    cosines = features[:, 3:]
    log_volume = features[:, 0] + n_atoms.log()
    log_box = log_volume - _volume_ratio(cosines).log()
    log_a = (log_box - features[:, 1] - features[:, 2]) / 3
    log_lengths = torch.stack(
        [log_a, log_a + features[:, 1], log_a + features[:, 2]], dim=1
    )
    angles = torch.rad2deg(torch.acos(cosines.clamp(-0.999, 0.999)))
    return torch.cat([log_lengths.exp(), angles], dim=1)


def _volume_ratio(cosines: Float[Tensor, "crystals 3"]) -> Float[Tensor, " crystals"]:
    """Volume of a cell over that of a box with its edges."""
    squared = 1 - cosines.square().sum(dim=1) + 2 * cosines.prod(dim=1)
    return squared.clamp(min=MIN_VOLUME_RATIO**2).sqrt()
