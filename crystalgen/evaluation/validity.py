"""Validity of un-relaxed crystals, as LeMat-GenBench defines it.

A crystal is valid if its charges can balance, no two atoms are closer than half
of what their radii allow, and its density and cell are plausible. Written from
the published definition (LeMat-GenBench, LeMaterial 2025). Other published figures
come from a port of it that cannot guess oxidation states from the composition and
counts such crystals as charged: that is ``is_valid_strictly`` here.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float
from pymatgen.core import Element, Structure

from crystalgen.errors import GeometryError, SymmetryError
from crystalgen.evaluation.charge import ChargeEvidence, charge_evidence
from crystalgen.representation.elements import SYMBOLS
from crystalgen.symmetry.detection import space_group_number

DISTANCE_SCALE = 0.5
RADIUS_MARGIN = 0.7
"""Added to the radii of a pair, in Å, before the sum is scaled."""
UNKNOWN_RADIUS = 1.0
MASS_DENSITY = (0.01, 25.0)
"""Range in g/cm³."""
ATOMIC_DENSITY = (1e-5, 0.5)
"""Range in atoms/Å³."""
SMALLEST_VOLUME = 1.0
CELL_LENGTH = (1.0, 100.0)
"""Range in Å."""
SYMPREC = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the checks say of one crystal."""

    charge: ChargeEvidence
    """The best reason for its charges to balance."""
    is_spaced: bool
    """No pair of different atoms of the cell is too close, over all images."""
    is_plausible: bool
    """Density and cell are in range and a space group exists."""

    @property
    def is_neutral(self) -> bool:
        """The charges can balance, for whichever reason."""
        return self.charge is not ChargeEvidence.NONE

    @property
    def is_neutral_strictly(self) -> bool:
        """The charges balance for a better reason than the composition alone."""
        return self.is_neutral and self.charge is not ChargeEvidence.COMPOSITION

    @property
    def is_valid(self) -> bool:
        """All checks of LeMat-GenBench pass."""
        return self.is_neutral and self.is_spaced and self.is_plausible

    @property
    def is_valid_strictly(self) -> bool:
        """All checks pass without a guess from the composition alone."""
        return self.is_neutral_strictly and self.is_spaced and self.is_plausible


def judge(structure: Structure) -> Verdict:
    """Check one ordered structure, best given by its primitive cell."""
    return Verdict(
        charge=charge_evidence(structure),
        is_spaced=is_spaced(structure),
        is_plausible=is_plausible(structure),
    )


def is_spaced(structure: Structure) -> bool:
    """Whether every pair of atoms keeps half of (radius + radius + 0.7 Å).

    Atomic radii are pymatgen's (Slater 1964), 1 Å where unknown. As in the benchmark
    the pairs are of different atoms of the cell; an atom and its own images do not
    count.
    """
    numbers = np.array([site.specie.Z for site in structure])
    radii = atomic_radii()[numbers]
    smallest = DISTANCE_SCALE * (RADIUS_MARGIN + radii[:, None] + radii)
    pairs = np.triu_indices(len(structure), k=1)
    return bool(np.all(structure.distance_matrix[pairs] >= smallest[pairs]))


def is_plausible(structure: Structure) -> bool:
    """Whether densities and cell are in range and a space group is found."""
    lattice = structure.lattice
    per_atom = len(structure) / lattice.volume
    return (
        MASS_DENSITY[0] <= structure.density <= MASS_DENSITY[1]
        and ATOMIC_DENSITY[0] <= per_atom <= ATOMIC_DENSITY[1]
        and lattice.volume > SMALLEST_VOLUME
        and all(CELL_LENGTH[0] <= each <= CELL_LENGTH[1] for each in lattice.abc)
        and all(0 < angle < 180 for angle in lattice.angles)
        and _has_space_group(structure)
    )


def _has_space_group(structure: Structure) -> bool:
    numbers = np.array([site.specie.Z for site in structure])
    try:
        space_group_number(
            structure.lattice.matrix, structure.frac_coords, numbers, symprec=SYMPREC
        )
    except (GeometryError, SymmetryError):
        return False
    return True


@lru_cache(maxsize=1)
def atomic_radii() -> Float[np.ndarray, " numbers"]:
    """Atomic radius in Å by atomic number; entry 0 belongs to no element."""
    radii = np.full(len(SYMBOLS) + 1, UNKNOWN_RADIUS)
    for number, symbol in enumerate(SYMBOLS, start=1):
        radii[number] = float(Element(symbol).atomic_radius or UNKNOWN_RADIUS)
    return radii
