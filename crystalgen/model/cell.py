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


def lattice_vectors(
    parameters: Float[Tensor, "crystals 6"],
) -> Float[Tensor, "crystals 3 3"]:
    """Cell vectors in rows, Å, of lattice parameters (Å, degrees).

    Oriented as `crystalgen.symmetry.lattice.lattice_matrix` does. Angles that no cell
    can have give a nearly flat one.
    """
    a, b, c = parameters[:, :3].unbind(dim=1)
    cos_a, cos_b, cos_g = torch.cos(torch.deg2rad(parameters[:, 3:])).unbind(dim=1)
    sin_a, sin_b = (1 - cos_a.square()).sqrt(), (1 - cos_b.square()).sqrt()
    cos_star = (cos_a * cos_b - cos_g) / (sin_a * sin_b)
    sin_star = (1 - cos_star.square()).clamp(min=MIN_VOLUME_RATIO**2).sqrt()
    zero = torch.zeros_like(a)
    rows = (
        (a * sin_b, zero, a * cos_b),
        (-b * sin_a * cos_star, b * sin_a * sin_star, b * cos_a),
        (zero, zero, c),
    )
    return torch.stack([torch.stack(row, dim=1) for row in rows], dim=1)


def vector_parameters(
    vectors: Float[Tensor, "crystals 3 3"],
) -> Float[Tensor, "crystals 6"]:
    """Lattice parameters (Å, degrees) of cell vectors, however they are oriented."""
    lengths = vectors.norm(dim=2)
    unit = vectors / lengths[..., None]
    cosines = torch.stack(
        [(unit[:, i] * unit[:, j]).sum(dim=1) for i, j in ((1, 2), (0, 2), (0, 1))],
        dim=1,
    )
    angles = torch.rad2deg(torch.acos(cosines.clamp(-0.999, 0.999)))
    return torch.cat([lengths, angles], dim=1)


def _volume_ratio(cosines: Float[Tensor, "crystals 3"]) -> Float[Tensor, " crystals"]:
    """Volume of a cell over that of a box with its edges."""
    squared = 1 - cosines.square().sum(dim=1) + 2 * cosines.prod(dim=1)
    return squared.clamp(min=MIN_VOLUME_RATIO**2).sqrt()
