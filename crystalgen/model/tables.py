"""Facts of the 230 groups and 1,731 Wyckoff positions, as tensors to index."""

from dataclasses import dataclass
from functools import lru_cache

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from crystalgen.representation.crystal import free_parameters, primitive_multiplicities
from crystalgen.symmetry.wyckoff import (
    LATTICE_POINTS,
    crystal_system,
    polar_axes,
    wyckoff_table,
)

N_GROUPS = 230
MAX_LETTERS = 27
"""Positions of the group with most of them, Pmmm (47)."""
_FREE_CELL = {
    "triclinic": (True, True, True, True, True, True),
    "monoclinic": (True, True, True, False, True, False),
    "orthorhombic": (True, True, True, False, False, False),
    "tetragonal": (True, False, True, False, False, False),
    "trigonal": (True, False, True, False, False, False),
    "hexagonal": (True, False, True, False, False, False),
    "cubic": (True, False, False, False, False, False),
}
_COS_120 = -0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class SymmetryTables:
    """Facts by space group number (row 0 unused) and by position (row 0 is padding).

    Attributes:
        first_position: Row of the group's position a.
        n_positions: Wyckoff positions of the group.
        n_centring: Lattice points in the conventional cell.
        polar: Axes along which the origin is free.
        cell_free: Which lattice features are free.
        cell_fixed: Value of those that are not.
        multiplicity: Atoms in the conventional cell.
        coords_free: Which of x, y, z the position uses.
        letter: Index of the position in its group, 0 for a.
    """

    first_position: Int[Tensor, " groups"]
    n_positions: Int[Tensor, " groups"]
    n_centring: Int[Tensor, " groups"]
    polar: Bool[Tensor, "groups 3"]
    cell_free: Bool[Tensor, "groups 6"]
    cell_fixed: Float[Tensor, "groups 6"]
    multiplicity: Float[Tensor, " positions"]
    coords_free: Bool[Tensor, "positions 3"]
    letter: Int[Tensor, " positions"]


@lru_cache(maxsize=1)
def symmetry_tables() -> SymmetryTables:
    """Build the tables from the packaged Wyckoff table, once per process.

    They need less than `space_group`, which derives all points of each position.
    """
    first, counts, centring = [0], [0], [1]
    polar, cell_free, cell_fixed = [(False,) * 3], [(False,) * 6], [(0.0,) * 6]
    multiplicity, coords_free, letter = [0.0], [[False] * 3], [0]
    for number in range(1, N_GROUPS + 1):
        sizes = primitive_multiplicities(number)
        points = LATTICE_POINTS[str(wyckoff_table()[str(number)]["symbol"])[0]]
        system = crystal_system(number)
        first.append(len(letter))
        counts.append(len(sizes))
        centring.append(points)
        polar.append(polar_axes(number))
        cell_free.append(_FREE_CELL[system])
        is_hexagonal = system in ("trigonal", "hexagonal")
        cell_fixed.append((0.0,) * 5 + (_COS_120 if is_hexagonal else 0.0,))
        multiplicity += [float(size * points) for size in sizes]
        coords_free += (free_parameters(number) > 0).tolist()
        letter += range(len(sizes))
    return SymmetryTables(
        first_position=torch.tensor(first),
        n_positions=torch.tensor(counts),
        n_centring=torch.tensor(centring),
        polar=torch.tensor(polar),
        cell_free=torch.tensor(cell_free),
        cell_fixed=torch.tensor(cell_fixed),
        multiplicity=torch.tensor(multiplicity),
        coords_free=torch.tensor(coords_free),
        letter=torch.tensor(letter),
    )
