"""How the atoms of a crystal follow from the coordinates of its orbits."""

from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from crystalgen.representation.crystal import primitive_multiplicities
from crystalgen.symmetry.lattice import primitive_vectors
from crystalgen.symmetry.wyckoff import space_group


class Frame(NamedTuple):
    """What a crystal has before its coordinates and its cell.

    Atom i of the primitive cell lies at ``maps[i] @ xyz + shifts[i]``, in fractions of
    that cell and not wrapped, where xyz are the coordinates of its orbit.
    """

    maps: Float[np.ndarray, "atoms 3 3"]
    shifts: Float[np.ndarray, "atoms 3"]
    orbit: Int[np.ndarray, " atoms"]
    """Orbit of each atom, ascending."""
    representative: Int[np.ndarray, " orbits"]
    """First atom of each orbit: the one that the tabulated map names."""
    vectors: Float[np.ndarray, "3 3"]
    """Primitive vectors in rows, in terms of the conventional ones."""


@lru_cache(maxsize=8192)
def frame_of(number: int, wyckoff: tuple[int, ...]) -> Frame:
    """The frame of a group and the Wyckoff positions of the orbits.

    Args:
        number: Of the space group, 1 to 230.
        wyckoff: Index of the position of each orbit, 0 for a.

    Returns:
        Arrays that are shared, and therefore cannot be written to.
    """
    matrices, shifts, places, vectors = _group_maps(number)
    chosen = [places[index] for index in wyckoff]
    sizes = [len(images) for images in chosen]
    images = np.concatenate(chosen)
    frame = Frame(
        maps=matrices[images],
        shifts=shifts[images],
        orbit=np.repeat(np.arange(len(sizes)), sizes),
        representative=np.cumsum([0, *sizes[:-1]]),
        vectors=vectors,
    )
    for array in frame:
        array.flags.writeable = False
    return frame


@lru_cache(maxsize=230)
def _group_maps(
    number: int,
) -> tuple[
    Float[np.ndarray, "images 3 3"],
    Float[np.ndarray, "images 3"],
    tuple[Int[np.ndarray, " _"], ...],
    Float[np.ndarray, "3 3"],
]:
    """Maps of all positions to primitive fractions, where each position's lie."""
    group = space_group(number)
    vectors = primitive_vectors(group)
    to_primitive = np.linalg.inv(vectors).T
    sizes = primitive_multiplicities(number)
    maps = np.concatenate(
        [
            to_primitive @ position.maps[:size]
            for position, size in zip(group.positions, sizes, strict=True)
        ]
    )
    starts = np.cumsum((0, *sizes))
    places = tuple(np.arange(start, stop) for start, stop in pairwise(starts))
    return maps[:, :, :3].copy(), maps[:, :, 3].copy(), places, vectors
