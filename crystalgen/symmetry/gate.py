"""The numeric gate: is this a cell with atoms that any crystal can have?

It comes before every call of spglib, which crashes or hangs the process on cells that
are not finite or nearly singular. It knows numbers only, no chemistry: atoms may be
closer than any bond, but not at the same place.
"""

import math

import numpy as np
from jaxtyping import Float

from crystalgen.errors import GeometryError

LENGTHS = (0.5, 1000.0)
"""Shortest and longest cell vector, Å."""
ANGLES = (3.0, 177.0)
"""Smallest and largest angle between two cell vectors, degrees."""
ATOMIC_VOLUMES = (0.5, 100_000.0)
"""Smallest and largest volume per atom, Å^3 (solid hydrogen under pressure: 2)."""
FLATNESS = 1e-3
"""Smallest volume over the product of the three lengths (1: right angles)."""
COORDINATES = 1e6
"""Largest magnitude of a fractional coordinate."""
DISTANCE = 0.01
"""Shortest distance between two atoms, Å."""
ROWS = 128
"""Atoms looked at together; more of a large cell would fill the memory."""


def check_geometry(
    lattice: Float[np.ndarray, "3 3"], frac_coords: Float[np.ndarray, "atoms 3"]
) -> None:
    """Refuse what no crystal can have, before any compiled code sees it.

    Args:
        lattice: Cell vectors in rows, Å.
        frac_coords: Fractional positions.

    Raises:
        GeometryError: The cell is not finite, its lengths, angles or volume per atom
            are out of range, it is nearly flat; there are no atoms, coordinates are
            not finite or absurdly large, or two atoms lie at the same place.
    """
    if len(frac_coords) == 0:
        raise GeometryError("crystal: got no atoms; expected at least one")
    check_cell(lattice, n_atoms=len(frac_coords))
    largest = float(np.abs(frac_coords).max())
    if not largest <= COORDINATES:
        raise GeometryError(
            f"fractional coordinates: got a magnitude of {largest}; expected finite "
            f"numbers up to {COORDINATES:g}: wrap them into [0, 1)"
        )
    _check_distances(lattice, frac_coords)


def check_cell(lattice: Float[np.ndarray, "3 3"], *, n_atoms: int) -> None:
    """The part of `check_geometry` that needs no coordinates.

    Raises:
        GeometryError: As in `check_geometry`.
    """
    (ax, ay, az), (bx, by, bz), (cx, cy, cz) = lattice.tolist()
    a, b, c = math.hypot(ax, ay, az), math.hypot(bx, by, bz), math.hypot(cx, cy, cz)
    shortest, longest = LENGTHS
    for name, length in (("a", a), ("b", b), ("c", c)):
        if not shortest <= length <= longest:  # also catches NaN
            raise GeometryError(
                f"cell length {name}: got {length:.6g} Å; expected "
                f"{shortest} to {longest} Å"
            )
    smallest, widest = ANGLES
    cosines = (
        ("alpha", (bx * cx + by * cy + bz * cz) / (b * c)),
        ("beta", (ax * cx + ay * cy + az * cz) / (a * c)),
        ("gamma", (ax * bx + ay * by + az * bz) / (a * b)),
    )
    for name, cosine in cosines:
        angle = math.degrees(math.acos(max(-1.0, min(1.0, cosine))))
        if not smallest <= angle <= widest:
            raise GeometryError(
                f"cell angle {name}: got {angle:.4g} degrees; expected {smallest} to "
                f"{widest}: reduce the cell (Niggli) first"
            )
    volume = abs(
        ax * (by * cz - bz * cy) - ay * (bx * cz - bz * cx) + az * (bx * cy - by * cx)
    )
    if not volume >= FLATNESS * a * b * c:
        raise GeometryError(
            f"cell: got a nearly flat one, volume/(abc) = {volume / (a * b * c):.3g}; "
            f"expected at least {FLATNESS}"
        )
    low, high = ATOMIC_VOLUMES
    if not low <= volume / n_atoms <= high:
        raise GeometryError(
            f"volume per atom: got {volume / n_atoms:.6g} Å^3 ({n_atoms} atoms); "
            f"expected {low} to {high:g}"
        )


def _check_distances(
    lattice: Float[np.ndarray, "3 3"], frac_coords: Float[np.ndarray, "atoms 3"]
) -> None:
    first, second = closest_pair(lattice, frac_coords)
    if first == second:
        return
    raise GeometryError(
        f"atoms {first} and {second}: got both at the same place (closer than "
        f"{DISTANCE} Å); expected different places: drop one of them"
    )


def closest_pair(
    lattice: Float[np.ndarray, "3 3"], frac_coords: Float[np.ndarray, "atoms 3"]
) -> tuple[int, int]:
    """Indices of two atoms at the same place (within `DISTANCE`), or (0, 0)."""
    for start in range(0, len(frac_coords), ROWS):
        some = frac_coords[start : start + ROWS]
        offset = some[:, None] - frac_coords
        offset -= np.rint(offset)
        squared = np.square(offset @ lattice).sum(axis=-1)
        squared[np.arange(len(some)), start + np.arange(len(some))] = np.inf
        worst = int(squared.argmin())
        if squared.flat[worst] < DISTANCE**2:
            row, other = divmod(worst, len(frac_coords))
            pair = sorted((start + row, other))
            return pair[0], pair[1]
    return 0, 0
