"""Strains that keep the crystal system.

A strain belongs to a group if no operation of its point group changes it. What is left
of any other one is its mean over the operations, a projection that depends on the
crystal system only, given how the cell vectors lie (`crystalgen.model.cell`): the
unique axis of hexagonal, trigonal and tetragonal cells along z, of monoclinic along y.
See Nye, Physical Properties of Crystals, 1957, table 3.
"""

from functools import lru_cache

import torch
from jaxtyping import Float, Int
from torch import Tensor

from crystalgen.symmetry.wyckoff import crystal_system

_COMPONENTS = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))
"""xx, yy, zz, yz, xz, xy."""
_ALLOWED = {
    "triclinic": (1, 2, 3, 4, 5, 6),
    "monoclinic": (1, 2, 3, 0, 4, 0),
    "orthorhombic": (1, 2, 3, 0, 0, 0),
    "tetragonal": (1, 1, 2, 0, 0, 0),
    "trigonal": (1, 1, 2, 0, 0, 0),
    "hexagonal": (1, 1, 2, 0, 0, 0),
    "cubic": (1, 1, 1, 0, 0, 0),
}
"""Components with the same number are equal; those with 0 vanish."""


@lru_cache(maxsize=1)
def _projections() -> Float[Tensor, "groups 9 9"]:
    """Onto the allowed strains of each space group; row 0 is unused."""
    projections = torch.zeros(231, 9, 9)
    for number in range(1, 231):
        kinds = _ALLOWED[crystal_system(number)]
        for kind in range(1, max(kinds) + 1):
            basis = torch.zeros(3, 3)
            for (row, column), each in zip(_COMPONENTS, kinds, strict=True):
                if each == kind:
                    basis[row, column] = basis[column, row] = 1.0
            flat = basis.flatten() / basis.norm()
            projections[number] += flat[:, None] * flat
    return projections


def allowed_strain(
    space_group: Int[Tensor, " crystals"], strain: Float[Tensor, "crystals 3 3"]
) -> Float[Tensor, "crystals 3 3"]:
    """The part of strains that keeps the crystal systems of the groups, 1 to 230.

    Args:
        space_group: Number of each crystal's group.
        strain: In the frame of `crystalgen.model.cell.lattice_vectors`.
    """
    projections = _projections().to(strain)[space_group]
    return (projections @ strain.flatten(1)[:, :, None])[:, :, 0].unflatten(1, (3, 3))
