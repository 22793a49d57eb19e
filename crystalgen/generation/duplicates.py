"""Which crystals were seen before."""

from collections import defaultdict

from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core import Structure

from crystalgen.representation.conversion import to_structure
from crystalgen.representation.crystal import SymmetricCrystal
from crystalgen.representation.table import CrystalTable


class SeenCrystals:
    """Crystals grouped by formula of the primitive cell, to be asked for matches.

    Two crystals are the same if pymatgen's `StructureMatcher` with its default
    tolerances says so, which compares shapes after scaling the volumes. Crystals are
    kept as bare parameters, so that memory stays small.
    """

    def __init__(self) -> None:
        self._matcher = StructureMatcher()
        self._seen: dict[tuple[str, int], list[CrystalTable]] = defaultdict(list)

    def add(self, crystal: SymmetricCrystal) -> bool:
        """Remember a crystal; False if an equal one was there already."""
        known = self._seen[crystal.formula, crystal.n_atoms]
        if known:
            structure = to_structure(crystal)
            if any(self._is_same(structure, other) for other in known):
                return False
        known.append(CrystalTable.from_crystals([crystal], identifiers=[""]))
        return True

    def _is_same(self, structure: Structure, other: CrystalTable) -> bool:
        return bool(self._matcher.fit(structure, to_structure(other.crystal(0))))
