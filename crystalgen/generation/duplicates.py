"""Which crystals were seen before."""

from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from crystalgen.representation.conversion import to_structure
from crystalgen.representation.crystal import SymmetricCrystal
from crystalgen.representation.reduced_cell import (
    LENGTH_TOLERANCE,
    ReducedCell,
    first_equal,
    reduce_cell,
)
from crystalgen.representation.table import CrystalTable

if TYPE_CHECKING:
    from pymatgen.analysis.structure_matcher import StructureMatcher

SAME_LENGTH = 0.01
"""Part by which edges may differ, once volumes are equal."""
SAME_ANGLE = 0.5
"""The same of angles, degrees."""
SAME_PLACE = 0.1
"""The same of positions along the longest edge, Å."""


@dataclass(slots=True, kw_only=True)
class _Seen:
    """A crystal, as bare parameters until it is compared for the first time."""

    table: CrystalTable
    cell: ReducedCell | None = None


class SeenCrystals:
    """Crystals grouped by reduced formula, to be asked for matches.

    Two crystals are the same if pymatgen's `StructureMatcher` with its default
    tolerances says so, which compares shapes after scaling the volumes. Most crystals
    share their formula with no other and are kept as bare parameters, so that memory
    stays small; cells are reduced once where they are compared, and atoms are compared
    only where the lattices may agree. Crystals whose parameters are nearly equal need
    no matcher to be the same.
    """

    def __init__(self) -> None:
        self._seen: dict[str, list[_Seen]] = defaultdict(list)

    def remember(self, crystal: SymmetricCrystal) -> None:
        """Remember a crystal that is known to equal none before it."""
        self._seen[crystal.formula].append(_entry(crystal))

    def add(self, crystal: SymmetricCrystal) -> bool:
        """Remember a crystal; False if an equal one was there already."""
        known = self._seen[crystal.formula]
        new = _entry(crystal)
        if any(_is_described_alike(crystal, other) for other in known):
            return False
        if known and self._is_among(known, _cell(new)):
            return False
        known.append(new)
        return True

    @cached_property
    def _matcher(self) -> "StructureMatcher":
        # takes long to import, and a small run seldom draws a formula twice
        from pymatgen.analysis.structure_matcher import StructureMatcher

        return StructureMatcher(ltol=LENGTH_TOLERANCE)

    def _is_among(self, known: list[_Seen], cell: ReducedCell) -> bool:
        cells = [_cell(each) for each in known]
        return first_equal(cell, cells, matcher=self._matcher) is not None


def _entry(crystal: SymmetricCrystal) -> _Seen:
    return _Seen(table=CrystalTable.from_crystals([crystal], identifiers=[""]))


def _is_described_alike(crystal: SymmetricCrystal, seen: _Seen) -> bool:
    """Whether all parameters of two crystals agree far within the matcher's tolerances.

    Lengths are compared after scaling the volumes, as there.
    """
    other = seen.table.crystal(0)
    if (crystal.space_group, crystal.wyckoff, crystal.species) != (
        other.space_group,
        other.wyckoff,
        other.species,
    ):
        return False
    one, two = crystal.lattice_parameters, other.lattice_parameters
    ratio = one[:3] / two[:3]
    apart = crystal.free_coords - other.free_coords
    apart -= np.rint(apart)
    return bool(
        ratio.max() / ratio.min() < 1 + SAME_LENGTH
        and abs(one[3:] - two[3:]).max() < SAME_ANGLE
        and abs(apart).max() * two[:3].max() < SAME_PLACE
    )


def _cell(crystal: _Seen) -> ReducedCell:
    if crystal.cell is None:
        crystal.cell = reduce_cell(to_structure(crystal.table.crystal(0)))
    return crystal.cell
