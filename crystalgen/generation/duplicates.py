"""Which crystals were seen before."""

from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from pymatgen.core import Structure

from crystalgen.representation.conversion import to_structure
from crystalgen.representation.crystal import SymmetricCrystal
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
    reduced: Structure | None = None


class SeenCrystals:
    """Crystals grouped by reduced formula, to be asked for matches.

    Two crystals are the same if pymatgen's `StructureMatcher` with its default
    tolerances says so, which compares shapes after scaling the volumes. Most crystals
    share their formula with no other and are kept as bare parameters, so that memory
    stays small; cells are reduced once where they are compared. Crystals whose
    parameters are nearly equal need no matcher to be the same.
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
        if any(self._is_same(new, other) for other in known):
            return False
        known.append(new)
        return True

    @cached_property
    def _matcher(self) -> "StructureMatcher":
        # takes long to import, and a small run seldom draws a formula twice
        from pymatgen.analysis.structure_matcher import StructureMatcher

        return StructureMatcher()

    def _is_same(self, one: _Seen, other: _Seen) -> bool:
        first, second = _reduced(one), _reduced(other)
        return len(first) == len(second) and bool(
            self._matcher.fit(first, second, skip_structure_reduction=True)
        )


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


def _reduced(crystal: _Seen) -> Structure:
    """The cell that `StructureMatcher` compares."""
    if crystal.reduced is None:
        structure = to_structure(crystal.table.crystal(0))
        niggli = structure.get_reduced_structure(reduction_algo="niggli")
        crystal.reduced = niggli.get_primitive_structure()
    return crystal.reduced
