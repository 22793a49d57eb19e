"""Space groups and their Wyckoff positions, in the standard setting of ITA.

Standard setting: unique axis b and cell choice 1, origin choice 2, hexagonal axes for
rhombohedral groups (International Tables for Crystallography A, 2016). The package
holds each position's first representative ("x,2x,1/4"); the other images follow from
the operations of the group. Knows no atoms and no lattices.
"""

import json
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from importlib.resources import files
from typing import Literal

import numpy as np
from jaxtyping import Float, Int

from crystalgen.errors import SymmetryError
from crystalgen.symmetry.engine import operations

CrystalSystem = Literal[
    "triclinic",
    "monoclinic",
    "orthorhombic",
    "tetragonal",
    "trigonal",
    "hexagonal",
    "cubic",
]
LETTERS = "abcdefghijklmnopqrstuvwxyzA"
"""Letter of each index; group 47 has 27 positions, the last is called alpha or A."""
LATTICE_POINTS = {"P": 1, "A": 2, "C": 2, "I": 2, "R": 3, "F": 4}
"""Lattice points per conventional cell, by the first letter of the symbol."""
_LAST_OF_SYSTEM: tuple[tuple[int, CrystalSystem], ...] = (
    (2, "triclinic"),
    (15, "monoclinic"),
    (74, "orthorhombic"),
    (142, "tetragonal"),
    (167, "trigonal"),
    (194, "hexagonal"),
    (230, "cubic"),
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WyckoffPosition:
    """One Wyckoff position of a space group, in its conventional cell."""

    letter: str
    """Its letter, a to z, or A."""
    multiplicity: int
    """Number of equivalent points in the conventional cell."""
    maps: Float[np.ndarray, "multiplicity 3 4"]
    """Point i is `maps[i, :, :3] @ xyz + maps[i, :, 3]` (fractions, not wrapped). The
    first is the tabulated representative; the first multiplicity / n_centring are one
    each per lattice point."""
    free: tuple[bool, bool, bool]
    """Which of x, y, z it depends on."""
    n_free: int
    """How many of x, y, z it depends on."""
    inverse: Int[np.ndarray, "3 3"]
    """`xyz = inverse @ (point - maps[0, :, 3])` for points of the representative."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SpaceGroup:
    """One of the 230 space-group types in its standard setting."""

    number: int
    """1 to 230."""
    hall_number: int
    """The setting in spglib's numbering, 1 to 530."""
    symbol: str
    """Short Hermann-Mauguin symbol, "Fm-3m"."""
    choice: str
    """Choice of setting as spglib says it: "2" (origin), "H" (axes), "b1" (cell)."""
    crystal_system: CrystalSystem
    """Which lattice parameters are free follows from it."""
    n_centring: int
    """Lattice points per conventional cell: 1, 2, 3 or 4."""
    rotations: Int[np.ndarray, "ops 3 3"]
    """Rotation parts of all operations, on columns of fractions; identity first."""
    translations: Float[np.ndarray, "ops 3"]
    """Translation parts, centring included, in fractions in [0, 1)."""
    positions: tuple[WyckoffPosition, ...]
    """Wyckoff positions from a (index 0) to the general one."""
    polar_axes: tuple[bool, bool, bool]
    """Axes along which the origin is arbitrary."""


@lru_cache(maxsize=1)
def wyckoff_table() -> dict[str, dict[str, str | int]]:
    """The packaged table, by group number as text; read once, when first asked for."""
    text = files("crystalgen.symmetry").joinpath("wyckoff_table.json").read_text()
    return json.loads(text)


def parse_affine(text: str) -> Float[np.ndarray, "3 4"]:
    """Read a coordinate triplet as an affine map.

    >>> parse_affine("x-y,-z+1/2,1/4").tolist()
    [[1.0, -1.0, 0.0, 0.0], [0.0, 0.0, -1.0, 0.5], [0.0, 0.0, 0.0, 0.25]]
    """
    rows = []
    for part in text.split(","):
        row = [0.0, 0.0, 0.0, 0.0]
        for term in part.replace("-", "+-").split("+"):
            if term and term[-1] in "xyz":
                factor = {"": 1, "-": -1}.get(term[:-1]) or int(term[:-1])
                row["xyz".index(term[-1])] += factor
            elif term:
                row[3] += float(Fraction(term))
        rows.append(row)
    return np.array(rows)


def crystal_system(number: int) -> CrystalSystem:
    """Crystal system of a space group, 1 to 230.

    >>> crystal_system(194)
    'hexagonal'
    """
    return next(system for last, system in _LAST_OF_SYSTEM if number <= last)


def polar_axes(number: int) -> tuple[bool, bool, bool]:
    """Axes of a space group along which the origin is arbitrary.

    >>> polar_axes(8), polar_axes(186)
    ((True, False, True), (False, False, True))
    """
    rotations, _ = operations(int(wyckoff_table()[str(number)]["hall"]))
    return _polar_axes(rotations)


@lru_cache(maxsize=230)
def space_group(number: int) -> SpaceGroup:
    """Look a space group up; the first look-up reads the packaged table.

    Args:
        number: 1 to 230.

    Raises:
        SymmetryError: There is no such group.
    """
    if not 1 <= number <= 230:
        raise SymmetryError(f"space group: got {number}; expected 1 to 230")
    entry = wyckoff_table()[str(number)]
    hall_number = int(entry["hall"])
    rotations, translations = operations(hall_number)
    identity = (rotations == np.eye(3, dtype=int)).all(axis=(1, 2))
    triplets = str(entry["wyckoff"]).split()
    return SpaceGroup(
        number=number,
        hall_number=hall_number,
        symbol=str(entry["symbol"]),
        choice=str(entry["choice"]),
        crystal_system=crystal_system(number),
        n_centring=int(identity.sum()),
        rotations=rotations,
        translations=translations % 1.0,
        positions=tuple(
            _position(letter, parse_affine(triplet), rotations, translations)
            for letter, triplet in zip(LETTERS, triplets, strict=False)
        ),
        polar_axes=_polar_axes(rotations),
    )


def _position(
    letter: str,
    first: Float[np.ndarray, "3 4"],
    rotations: Int[np.ndarray, "ops 3 3"],
    translations: Float[np.ndarray, "ops 3"],
) -> WyckoffPosition:
    images = rotations @ first
    images[:, :, 3] += translations
    images[0] = first
    images = images[_first_of_each(_codes(images))]
    centring = translations[(rotations == np.eye(3, dtype=int)).all(axis=(1, 2))]
    moved = np.repeat(images[:, None], len(centring), axis=1)
    moved[..., 3] += centring
    lattice_points = _first_of_each(_codes(moved).min(axis=1))
    later = np.setdiff1d(np.arange(len(images)), lattice_points)
    free = tuple(bool(used) for used in (first[:, :3] != 0).any(axis=0))
    return WyckoffPosition(
        letter=letter,
        multiplicity=len(images),
        maps=images[np.concatenate([lattice_points, later])],
        free=(free[0], free[1], free[2]),
        n_free=sum(free),
        inverse=_inverse(first),
    )


def _codes(maps: Float[np.ndarray, "*maps 3 4"]) -> Int[np.ndarray, "*maps"]:
    """One integer per map, the same for maps that differ by whole lattice vectors.

    Exact: coefficients are -2 to 2, and 48ths hold every tabulated fraction.
    """
    linear = np.rint(maps[..., :3]).astype(np.int64) + 2
    shifts = np.rint(maps[..., 3] * 48).astype(np.int64) % 48
    code = linear.reshape(*maps.shape[:-2], 9) @ (5 ** np.arange(9))
    return code * 48**3 + shifts @ (48 ** np.arange(3))


def _first_of_each(codes: Int[np.ndarray, " codes"]) -> Int[np.ndarray, " unique"]:
    """Indices of the first occurrence of each distinct code, ascending."""
    return np.sort(np.unique(codes, return_index=True)[1])


def _inverse(first: Float[np.ndarray, "3 4"]) -> Int[np.ndarray, "3 3"]:
    """Read each parameter off a coordinate that is plus or minus it alone."""
    inverse = np.zeros((3, 3), dtype=np.int64)
    for axis in range(3):
        for row in range(3):
            alone = np.abs(first[row, :3]).sum() == np.abs(first[row, axis]) == 1
            if alone:
                inverse[axis, row] = first[row, axis]
                break
    return inverse


def _polar_axes(rotations: Int[np.ndarray, "ops 3 3"]) -> tuple[bool, bool, bool]:
    fixed = (rotations == np.eye(3, dtype=int)).all(axis=(0, 1))
    return bool(fixed[0]), bool(fixed[1]), bool(fixed[2])
