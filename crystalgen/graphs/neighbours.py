"""Neighbours of orbits as vectors: which atom, in which cell.

Knows lattices and positions only, as the whole package does.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, Int16

MAX_IMAGES = 12
"""Cells looked at along each vector, at most; flatter cells lose neighbours."""
_SAME_PLACE = 1e-3  # Å


class Neighbours(NamedTuple):
    """Atoms near the representative atoms of the orbits."""

    target: Int[np.ndarray, " pairs"]
    """Orbit of the representative, ascending."""
    atom: Int[np.ndarray, " pairs"]
    """The neighbour."""
    image: Int16[np.ndarray, "pairs 3"]
    """Cell of the neighbour, to be added to the difference of the positions."""


def neighbours_within(
    radius: float,
    lattice: Float[np.ndarray, "3 3"],
    frac_coords: Float[np.ndarray, "atoms 3"],
    representative: Int[np.ndarray, " orbits"],
) -> Neighbours:
    """All atoms within a radius of one representative of each orbit.

    An atom is no neighbour of itself; its images are. Atoms in the same place are left
    out.

    Args:
        radius: In Å.
        lattice: Cell vectors in Å, rows; with a volume.
        frac_coords: Fractional positions, wrapped or not.
        representative: Index of one atom of each orbit.
    """
    spacing = 1 / np.linalg.norm(np.linalg.inv(lattice), axis=0)
    n_images = np.minimum(np.floor(radius / spacing + 0.5), MAX_IMAGES).astype(int)
    ranges = [np.arange(-n, n + 1) for n in n_images]
    image = np.stack(np.meshgrid(*ranges, indexing="ij"), axis=-1).reshape(-1, 3)
    offset = frac_coords[None] - frac_coords[representative][:, None]
    home = -np.rint(offset)
    near = (offset + home) @ lattice
    cells = image @ lattice
    squared = (near**2).sum(axis=-1)[..., None] + (cells**2).sum(axis=-1)
    squared += 2 * near @ cells.T
    target, atom, which = np.nonzero((squared < radius**2) & (squared > _SAME_PLACE**2))
    return Neighbours(
        target=target,
        atom=atom,
        image=(home[target, atom] + image[which]).astype(np.int16),
    )
