"""The graph of a crystal modulo its space group.

Symmetry-equivalent atoms see the same neighbourhood, so one node for each orbit
and the nearest neighbours of one atom of it hold all that the full periodic graph
holds for features that do not depend on direction (Chung, Hahn & Klee 1984,
Acta Cryst. A40, 42: the quotient graph; here modulo the whole group).

Knows distances only: neither species nor space groups.
"""

from itertools import product
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, Int32

from crystalgen.errors import GeometryError

SHELL_GAP = 1e-4
"""Distances in Å closer than this belong to one coordination shell."""

_MIN_SPACING = 1e-3  # Å between lattice planes; flatter cells hold no crystal
_MIN_FLATNESS = 1e-10  # volume over that of a box: below, rounding errors take over
_EQUAL_LENGTHS = 1e-12  # relative difference of squares that is rounding
_CORNERS = np.array(list(product((0.0, 1.0), repeat=2)))


class QuotientGraph(NamedTuple):
    """Edges from neighbouring atoms to the representative of each orbit.

    Edges come grouped by target, nearest shell first, `n_neighbours` for each.
    """

    source: Int32[np.ndarray, " edges"]
    """Orbit of the neighbour."""
    target: Int32[np.ndarray, " edges"]
    """Orbit of the representative atom."""
    length: Float[np.ndarray, " edges"]
    """Distance in Å, single precision."""


def reduced_basis(
    lattice: Float[np.ndarray, "3 3"],
) -> Float[np.ndarray, "3 3"]:
    """Shortest basis of a lattice (Minkowski-reduced), rows are vectors in Å.

    Greedy reduction (Semaev 2001; Nguyen & Stehlé 2009), exact in three dimensions:
    the longest vector is moved next to the origin modulo the two others until
    nothing gets shorter.

    >>> reduced_basis(np.array([[1.0, 0, 0], [5, 1, 0], [-7, 3, 2]])).round(9) + 0.0
    array([[1., 0., 0.],
           [0., 1., 0.],
           [0., 0., 2.]])
    """
    basis = np.array(lattice, dtype=np.float64)
    while True:
        basis = basis[np.argsort((basis**2).sum(axis=1), kind="stable")]
        basis[1] -= np.rint(basis[1] @ basis[0] / (basis[0] @ basis[0])) * basis[0]
        # vectors of equal length would otherwise change places for ever
        if basis[1] @ basis[1] < basis[0] @ basis[0] * (1 - _EQUAL_LENGTHS):
            continue
        plane = basis[:2]
        nearest = np.linalg.solve(plane @ plane.T, plane @ basis[2])
        corners = np.floor(nearest) + _CORNERS
        candidates = basis[2] - corners @ plane
        shortest = candidates[np.argmin((candidates**2).sum(axis=1))]
        if shortest @ shortest >= basis[2] @ basis[2] * (1 - _EQUAL_LENGTHS):
            return basis
        basis[2] = shortest


def quotient_graph(
    lattice: Float[np.ndarray, "3 3"],
    frac_coords: Float[np.ndarray, "atoms 3"],
    orbit_of_atom: Int[np.ndarray, " atoms"],
    representative: Int[np.ndarray, " orbits"],
    *,
    n_neighbours: int = 12,
) -> QuotientGraph:
    """Nearest atoms of one representative of each orbit, over all periodic images.

    Exact for a cell of any shape: images are added until no unseen one can be
    nearer. The atom itself is left out, its own images are not. Where a shell is cut,
    neighbours of the lowest orbit are kept, so the result depends neither on the
    order of the atoms nor on the choice of cell or representative.

    Args:
        lattice: Cell vectors in Å, rows.
        frac_coords: Fractional positions, wrapped or not.
        orbit_of_atom: Orbit that each atom belongs to, from 0.
        representative: Index of one atom of each orbit.
        n_neighbours: Edges for each orbit, at least 1.

    Raises:
        GeometryError: The cell is not finite or nearly flat.
    """
    basis, spacing = _checked_basis(lattice, frac_coords)
    frac = frac_coords @ np.rint(lattice @ np.linalg.inv(basis))
    offset = frac[None, :, :] - frac[representative, None, :]
    offset -= np.rint(offset)
    # images of an atom along the shortest vector bound the radius from above
    bound = -(-n_neighbours // 2) * np.linalg.norm(basis[0])
    n_images = np.minimum(1, np.floor(bound / spacing + 0.5)).astype(int)
    while True:
        distance = _distances(basis, offset, representative, n_images)
        if distance.shape[1] > n_neighbours:
            kth = np.partition(distance, n_neighbours - 1, axis=1)[:, n_neighbours - 1]
            radius = min(bound, kth.max()) + 2 * SHELL_GAP
            # |offset| <= 1/2, so an image beyond this range is beyond the radius
            needed = np.floor(radius / spacing + 0.5).astype(int)
        else:
            needed = n_images + 1
        if (needed <= n_images).all():
            break
        n_images = np.maximum(needed, n_images)
    return _nearest(distance, orbit_of_atom, n_neighbours)


def _checked_basis(
    lattice: Float[np.ndarray, "3 3"], frac_coords: Float[np.ndarray, "atoms 3"]
) -> tuple[Float[np.ndarray, "3 3"], Float[np.ndarray, "3"]]:
    """Reduced basis and the distances between its lattice planes, in Å."""
    if not (np.isfinite(lattice).all() and np.isfinite(frac_coords).all()):
        raise GeometryError("neighbour graph: the cell or a position is not finite")
    lengths = np.linalg.norm(lattice, axis=1)
    volume = abs(np.linalg.det(lattice))
    if volume <= _MIN_FLATNESS * lengths.prod():
        raise GeometryError(
            f"neighbour graph: the cell is flat: volume {volume:.3g} Å^3 for"
            f" vectors of {lengths.round(3).tolist()} Å"
        )
    basis = reduced_basis(lattice)
    spacing = 1 / np.linalg.norm(np.linalg.inv(basis), axis=0)
    if spacing.min() < _MIN_SPACING:
        raise GeometryError(
            f"neighbour graph: lattice planes {spacing.min():.3g} Å apart;"
            f" expected at least {_MIN_SPACING} Å"
        )
    return basis, spacing


def _distances(
    basis: Float[np.ndarray, "3 3"],
    offset: Float[np.ndarray, "orbits atoms 3"],
    representative: Int[np.ndarray, " orbits"],
    n_images: Int[np.ndarray, "3"],
) -> Float[np.ndarray, "orbits neighbours"]:
    """Distances in Å to all atoms in all images within range; to itself infinite.

    The image runs fastest along the second axis.
    """
    ranges = [np.arange(-n, n + 1) for n in n_images]
    image = np.stack(np.meshgrid(*ranges, indexing="ij"), axis=-1).reshape(-1, 3)
    translation = image @ basis
    cart = offset @ basis
    squared = (cart**2).sum(axis=-1)[..., None] + (translation**2).sum(axis=-1)
    squared += 2 * (cart @ translation.T)
    home = len(image) // 2
    squared[np.arange(len(representative)), representative, home] = np.inf
    return np.sqrt(np.maximum(squared, 0)).reshape(len(representative), -1)


def _nearest(
    distance: Float[np.ndarray, "orbits neighbours"],
    orbit_of_atom: Int[np.ndarray, " atoms"],
    n_neighbours: int,
) -> QuotientGraph:
    """The first neighbours by shell, then by orbit, then by distance."""
    n_orbits, n_candidates = distance.shape
    kth = np.partition(distance, n_neighbours - 1, axis=1)[:, n_neighbours - 1]
    row, column = np.nonzero(distance <= kth[:, None] + 2 * SHELL_GAP)
    length = distance[row, column]
    neighbour = orbit_of_atom[column // (n_candidates // len(orbit_of_atom))]
    order = np.lexsort((length, row))
    length, neighbour = length[order], neighbour[order]  # row is sorted already
    is_gap = np.diff(length, prepend=-np.inf) > SHELL_GAP
    shell = np.cumsum(is_gap | (np.diff(row, prepend=-1) > 0))
    order = np.lexsort((length, neighbour, shell))
    start = np.searchsorted(row, np.arange(n_orbits))
    chosen = order[(start[:, None] + np.arange(n_neighbours)).ravel()]
    return QuotientGraph(
        source=neighbour[chosen].astype(np.int32),
        target=np.repeat(np.arange(n_orbits, dtype=np.int32), n_neighbours),
        length=length[chosen].astype(np.float32),
    )
