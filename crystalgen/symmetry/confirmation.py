"""Would spglib find the group that a crystal was built from?

Mostly that is asked of spglib. For the most symmetric groups it need not be, which
saves most of its time: a search over 48 rotations of a cubic crystal is a slow one.

A crystal made by the operations of its group G has them all, so what spglib finds is G
or a supergroup H of it, the operations of which hold within the tolerance. By Hermann's
theorem (Z. Kristallogr. 69, 533, 1929; International Tables A1, chapter 1.2) there is a
group between them, M, with the translations of H and the point group of G. Two of the
32 crystallographic point groups lie in no other: m-3m and 6/mmm. If G has one of these,
so has H, and H is M: it has the same rotations and *more translations* than G, or it is
G. So it is enough to look for translations that are none of G's.

Whoever moves all atoms within the tolerance also moves an atom of the rarest element
near another of this element. So if t is such a translation, one of the differences
between the first of these atoms and the others is within the tolerance of t, and moves
all atoms within twice the tolerance. Here three times are allowed, and spglib judges
where such a difference exists; that decides all that is near a smaller cell.
"""

import numpy as np
from jaxtyping import Float, Int

from crystalgen.symmetry.detection import found_group
from crystalgen.symmetry.gate import check_geometry

FIRST_CUBIC, LAST_CUBIC = 221, 230
"""Groups with the point group m-3m."""
FIRST_HEXAGONAL, LAST_HEXAGONAL = 191, 194
"""Groups with the point group 6/mmm."""
SAFETY = 3.0
"""Distance over symprec up to which a translation is left to spglib; 2 suffice."""


def has_maximal_point_group(number: int) -> bool:
    """Whether the point group of a space group lies in no larger one.

    >>> [n for n in range(1, 231) if has_maximal_point_group(n)][:6]
    [191, 192, 193, 194, 221, 222]
    """
    is_cubic = FIRST_CUBIC <= number <= LAST_CUBIC
    return is_cubic or FIRST_HEXAGONAL <= number <= LAST_HEXAGONAL


def is_group_found(
    number: int,
    lattice: Float[np.ndarray, "3 3"],
    frac_coords: Float[np.ndarray, "atoms 3"],
    numbers: Int[np.ndarray, " atoms"],
    *,
    symprec: float = 0.1,
    angle_tolerance: float = -1.0,
) -> bool:
    """Whether spglib finds the group that a crystal was built from, and no other.

    A smaller primitive cell is another group, even if it is one of the same kind.

    Args:
        number: Space group whose operations the crystal has, all and exactly.
        lattice: Vectors of a primitive cell in rows, Å.
        frac_coords: Fractional positions; of atoms farther apart than symprec.
        numbers: Atomic numbers.
        symprec: Distance within which atoms count as equivalent, Å.
        angle_tolerance: Degrees by which cells may differ that an operation maps on
            each other; below 0 spglib infers it from symprec.

    Raises:
        GeometryError: No crystal can have this geometry.
        SymmetryError: No space group is found.
    """
    if has_maximal_point_group(number):
        check_geometry(lattice, frac_coords)
        within = SAFETY * symprec
        if not may_be_translated(lattice, frac_coords, numbers, within=within):
            return True
    return (number, len(numbers)) == found_group(
        lattice,
        frac_coords,
        numbers,
        symprec=symprec,
        angle_tolerance=angle_tolerance,
    )


def may_be_translated(
    lattice: Float[np.ndarray, "3 3"],
    frac_coords: Float[np.ndarray, "atoms 3"],
    numbers: Int[np.ndarray, " atoms"],
    *,
    within: float,
) -> bool:
    """Whether a translation inside the cell moves all atoms near like ones.

    Args:
        lattice: Cell vectors in rows, Å.
        frac_coords: Fractional positions.
        numbers: Atomic numbers.
        within: How near, Å. True for cells too thin to tell.
    """
    heights = 1 / np.linalg.norm(np.linalg.inv(lattice), axis=0)
    if heights.min() < 2 * within:  # the nearest image may not be the one of rint
        return True
    kinds, counts = np.unique(numbers, return_counts=True)
    rare = frac_coords[numbers == kinds[counts.argmin()]]
    if len(rare) == 1:
        return False
    is_alike = numbers[:, None] == numbers[None, :]
    apart = frac_coords[:, None] - frac_coords[None, :]
    for shift in rare[1:] - rare[0]:
        moved = apart + shift
        moved -= np.rint(moved)
        is_near = np.linalg.norm(moved @ lattice, axis=2) < within
        if (is_near & is_alike).any(axis=1).all():
            return True
    return False
