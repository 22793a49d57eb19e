"""Decorated hosts as symmetric crystals.

The canonical description of a crystal depends on its elements only through which
orbits share one and which is the less electronegative. So it is found once for each
such pattern and filled with elements after that.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pymatgen.core import Element, Lattice, Structure

from crystalgen.decoration.host import Host
from crystalgen.errors import GeometryError, SymmetryError
from crystalgen.representation.canonical import canonicalize
from crystalgen.representation.conversion import from_structure
from crystalgen.representation.crystal import SymmetricCrystal
from crystalgen.representation.elements import RANKS, SYMBOLS


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Pattern:
    """A canonical crystal and its elements, the least electronegative first."""

    crystal: SymmetricCrystal
    elements: tuple[int, ...]


class Patterns:
    """Decorations of one host.

    Args:
        host: Its lattice and orbits.
    """

    def __init__(self, host: Host) -> None:
        self._host = host
        self._known: dict[tuple[int, ...], _Pattern | None] = {}

    def crystal(self, species: Sequence[int]) -> SymmetricCrystal | None:
        """The canonical crystal with an element on each orbit.

        Args:
            species: Atomic number of each orbit of the host.

        Returns:
            None where spglib finds no group that fits the atoms.
        """
        elements = tuple(sorted(set(species), key=lambda number: RANKS[number - 1]))
        key = tuple(elements.index(number) for number in species)
        if key not in self._known:
            crystal = self._described(species)
            found = crystal and _Pattern(crystal=crystal, elements=elements)
            self._known[key] = found
        pattern = self._known[key]
        if pattern is None:
            return None
        renamed = dict(zip(pattern.elements, elements, strict=True))
        crystal = pattern.crystal
        return replace(
            crystal, species=tuple(renamed[each] for each in crystal.species)
        )

    def _described(self, species: Sequence[int]) -> SymmetricCrystal | None:
        host = self._host
        pairs = set(zip(species, host.species, strict=True))
        # what differs in the host differs still, so its group is that of the result
        if host.crystal is not None and len({new for new, _ in pairs}) == len(pairs):
            return canonicalize(replace(host.crystal, species=tuple(species)))
        symbols = [Element(SYMBOLS[species[o] - 1]) for o in host.orbit_of_atom]
        structure = Structure(Lattice(host.lattice), symbols, host.frac_coords)
        try:
            return from_structure(structure)
        except (GeometryError, SymmetryError):
            return None
