"""Does a crystal have the space group that was asked for?

A crystal may have more symmetry than it was asked to have, because a free coordinate
fell on a special value; such supergroups are told apart from groups that are wrong.
"""

from collections import Counter
from enum import Enum
from functools import lru_cache

import numpy as np
from pymatgen.core import Structure

from crystalgen.errors import SymmetryError
from crystalgen.symmetry.engine import dataset
from crystalgen.symmetry.gate import check_geometry
from crystalgen.symmetry.wyckoff import space_group

SYMPRECS = (0.1, 0.01)
"""Tolerances in Å at which groups are compared: the usual one and a strict one."""
_EXACT = 1e-3


class GroupMatch(Enum):
    """How the group that is found relates to the one asked for."""

    KEPT = "kept"
    SUPERGROUP = "supergroup"
    OTHER = "other"
    NONE = "none found"


def find_group(structure: Structure, *, symprec: float) -> int:
    """Number of the space group, 0 if spglib finds none.

    Raises:
        GeometryError: No crystal can have this geometry.
    """
    try:
        return _found(structure, symprec)[0]
    except SymmetryError:
        return 0


def match_group(structure: Structure, asked: int, *, symprec: float) -> GroupMatch:
    """Compare the group that spglib finds with the one asked for.

    A supergroup has each kind of rotation of the asked group at least as often, in a
    primitive cell of at most the same size, and more operations in the whole.

    Raises:
        GeometryError: No crystal can have this geometry.
    """
    try:
        found, n_atoms = _found(structure, symprec)
    except SymmetryError:
        return GroupMatch.NONE
    if found == asked:
        return GroupMatch.KEPT
    of_found, of_asked = rotation_kinds(found), rotation_kinds(asked)
    if not of_found >= of_asked:
        return GroupMatch.OTHER
    try:
        _, n_atoms_exactly = _found(structure, _EXACT)
    except SymmetryError:
        return GroupMatch.OTHER
    has_more = of_found != of_asked or n_atoms < n_atoms_exactly
    if n_atoms <= n_atoms_exactly and has_more:
        return GroupMatch.SUPERGROUP
    return GroupMatch.OTHER


@lru_cache(maxsize=230)
def rotation_kinds(number: int) -> Counter[tuple[int, int]]:
    """How often each kind of rotation (trace, determinant) is in the point group.

    >>> rotation_kinds(2)
    Counter({(3, 1): 1, (-3, -1): 1})
    """
    rotations = np.unique(space_group(number).rotations, axis=0)
    order = np.argsort(-np.trace(rotations, axis1=1, axis2=2), kind="stable")
    return Counter(
        (int(np.trace(each)), round(float(np.linalg.det(each))))
        for each in rotations[order]
    )


def _found(structure: Structure, symprec: float) -> tuple[int, int]:
    """Number of the group and atoms of the primitive cell."""
    lattice = np.array(structure.lattice.matrix, dtype=np.float64)
    frac_coords = np.array(structure.frac_coords, dtype=np.float64)
    check_geometry(lattice, frac_coords)
    numbers = np.array([site.specie.Z for site in structure])
    found = dataset(lattice, frac_coords, numbers, symprec=symprec)
    return int(found.number), len(np.unique(found.mapping_to_primitive))
