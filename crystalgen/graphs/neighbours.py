"""Neighbours of orbits as vectors: which atom, in which cell.

Knows lattices and positions only, as the whole package does.
"""

from functools import lru_cache
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
    inverse = np.linalg.inv(lattice)
    per_length = np.sqrt(np.einsum("ij,ij->j", inverse, inverse))  # 1 / spacings
    n_images = np.minimum((radius * per_length + 0.5).astype(int), MAX_IMAGES)
    image = _images(*n_images.tolist())
    offset = frac_coords[None] - frac_coords[representative][:, None]
    home = -np.rint(offset)
    near = ((offset + home) @ lattice).reshape(-1, 3)
    squared = _squared_sums(near, image @ lattice).ravel()
    found = np.flatnonzero(squared < radius**2)
    found = found[squared[found] > _SAME_PLACE**2]
    pair, which = np.divmod(found, len(image))
    target, atom = np.divmod(pair, len(frac_coords))
    return Neighbours(
        target=target,
        atom=atom,
        image=(home.reshape(-1, 3)[pair] + image[which]).astype(np.int16),
    )


def _squared_sums(
    some: Float[np.ndarray, "some 3"], others: Float[np.ndarray, "others 3"]
) -> Float[np.ndarray, "some others"]:
    """Squared length of the sum of each vector and each other one.

    One matrix product, (v, v², 1) (2w, 1, w²)ᵀ, instead of several passes.
    """
    left, right = np.ones((len(some), 5)), np.ones((5, len(others)))
    left[:, :3], right[:3] = some, 2 * others.T
    left[:, 3] = np.einsum("ij,ij->i", some, some)
    right[4] = np.einsum("ij,ij->i", others, others)
    return left @ right


@lru_cache(maxsize=4096)
def _images(n_a: int, n_b: int, n_c: int) -> Int16[np.ndarray, "images 3"]:
    """All cells up to some numbers of them along each vector; not to be written to."""
    ranges = [np.arange(-n, n + 1, dtype=np.int16) for n in (n_a, n_b, n_c)]
    image = np.stack(np.meshgrid(*ranges, indexing="ij"), axis=-1).reshape(-1, 3)
    image.flags.writeable = False
    return image
