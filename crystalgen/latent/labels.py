"""What can be said of an element, an orbit or a crystal: labels to compare codes with.

Each label is a number that stands for a class:

    element        atomic number: of the element, of the orbit, and for a whole crystal
                   of the element with most atoms (of equals the more electronegative)
    column         column of the periodic table of that element; 3 for f elements
    space group    its number
    coordination   neighbours within 1.1 times the distance of the nearest one, as in
                   pymatgen's MinimumDistanceNN, at most 24: of an orbit; of an element
                   or a crystal the mean over its atoms, rounded
    band gap       class of the gap: below 0.01, up to 1, 2, 3, 4.5 and more eV
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float
from pymatgen.core import Element

from crystalgen.graphs.quotient import quotient_graph
from crystalgen.latent.reading import elements_of
from crystalgen.latent.slots import Slot
from crystalgen.representation.conversion import expand
from crystalgen.representation.crystal import SymmetricCrystal
from crystalgen.representation.elements import RANKS, SYMBOLS

LABELS = ("element", "column", "space group", "coordination", "band gap")
"""All labels, in the order of the table."""
UNKNOWN = -1
"""Where a label is not known."""
SHELL = 1.1
"""Neighbours are as near as this multiple of the nearest one's distance."""
MAX_NEIGHBOURS = 24
"""Most neighbours that are counted."""
GAP_EDGES = (0.01, 1.0, 2.0, 3.0, 4.5)
"""Gaps in eV between the classes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """A crystal and what its labels are made of.

    Attributes:
        crystal: The crystal.
        neighbours: Coordination number of each orbit.
        band_gap: In eV; NaN if unknown.
    """

    crystal: SymmetricCrystal
    neighbours: Float[np.ndarray, " orbits"]
    band_gap: float

    def labels(self, slot: Slot) -> tuple[int, ...]:
        """The labels, in the order of `LABELS`, of what a code is about."""
        crystal = self.crystal
        element = _element(crystal, slot)
        return (
            element,
            column(element),
            crystal.space_group,
            _coordination(self, slot),
            gap_class(self.band_gap),
        )


def facts_of(crystal: SymmetricCrystal, *, band_gap: float = np.nan) -> Facts:
    """Find the neighbours of a crystal's orbits.

    Args:
        crystal: Any crystal.
        band_gap: In eV, if known.
    """
    return Facts(
        crystal=crystal, neighbours=coordination_numbers(crystal), band_gap=band_gap
    )


def coordination_numbers(
    crystal: SymmetricCrystal,
) -> Float[np.ndarray, " orbits"]:
    """Neighbours of each orbit within `SHELL` times the distance of the nearest."""
    atoms = expand(crystal)
    graph = quotient_graph(
        atoms.lattice,
        atoms.frac_coords,
        atoms.orbit_of_atom,
        atoms.representative,
        n_neighbours=MAX_NEIGHBOURS,
    )
    lengths = graph.length.reshape(crystal.n_orbits, MAX_NEIGHBOURS)
    nearest = lengths.min(axis=1, keepdims=True)
    return (lengths <= SHELL * nearest).sum(axis=1).astype(np.float64)


@lru_cache(maxsize=118)
def column(number: int) -> int:
    """Column of the periodic table, 1 to 18; 3 for lanthanoids and actinoids.

    >>> [column(number) for number in (1, 8, 26, 58)]
    [1, 16, 8, 3]
    """
    return int(Element(SYMBOLS[number - 1]).group)


def gap_class(gap: float) -> int:
    """Number of the class of a gap in eV, from 0; `UNKNOWN` for NaN.

    >>> [gap_class(gap) for gap in (0.0, 0.5, 8.0, float("nan"))]
    [0, 1, 5, -1]
    """
    return UNKNOWN if np.isnan(gap) else int(np.searchsorted(GAP_EDGES, gap, "right"))


def _element(crystal: SymmetricCrystal, slot: Slot) -> int:
    match slot.part:
        case "species":
            return elements_of(crystal)[slot.token]
        case "orbit":
            return crystal.species[slot.token]
        case "cell":
            counts = crystal.composition
            return max(counts, key=lambda number: (counts[number], RANKS[number - 1]))


def _coordination(facts: Facts, slot: Slot) -> int:
    crystal = facts.crystal
    sizes = np.array(crystal.orbit_sizes, dtype=np.float64)
    match slot.part:
        case "orbit":
            return int(facts.neighbours[slot.token])
        case "species":
            sizes *= np.array(crystal.species) == _element(crystal, slot)
        case "cell":
            pass
    return int(np.rint(np.average(facts.neighbours, weights=sizes)))
