"""Structures to symmetric crystals and back.

The way in averages the atoms onto the symmetry that spglib finds; the way out is exact
and needs the Wyckoff table only.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from pymatgen.core import Element, Lattice, Structure

from crystalgen.errors import RepresentationError
from crystalgen.representation.canonical import canonicalize
from crystalgen.representation.crystal import SymmetricCrystal
from crystalgen.representation.elements import ATOMIC_NUMBERS, SYMBOLS
from crystalgen.representation.frame import frame_of
from crystalgen.symmetry.detection import detect
from crystalgen.symmetry.lattice import lattice_matrix
from crystalgen.symmetry.wyckoff import space_group


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ExpandedCrystal:
    """All atoms of a primitive cell."""

    lattice: Float[np.ndarray, "3 3"]
    """Vectors of the primitive cell in rows, Å."""
    frac_coords: Float[np.ndarray, "atoms 3"]
    """Positions in fractions of the primitive cell, in [0, 1)."""
    numbers: Int[np.ndarray, " atoms"]
    """Atomic numbers."""
    orbit_of_atom: Int[np.ndarray, " atoms"]
    """Orbit of each atom, ascending."""
    representative: Int[np.ndarray, " orbits"]
    """First atom of each orbit: the one the tabulated map names."""


def from_structure(structure: Structure, *, symprec: float = 0.1) -> SymmetricCrystal:
    """The canonical description of a structure.

    Args:
        structure: Ordered crystal in any cell; oxidation states are dropped.
        symprec: Distance within which atoms count as equivalent, Å.

    Raises:
        GeometryError: No crystal can have this geometry.
        SymmetryError: No space group is found, or the atoms do not fit its orbits.
        RepresentationError: Sites are disordered or hold no element.
    """
    detected = detect(
        np.array(structure.lattice.matrix, dtype=np.float64),
        np.array(structure.frac_coords, dtype=np.float64),
        atomic_numbers(structure),
        symprec=symprec,
    )
    order = np.argsort(detected.wyckoff, kind="stable")
    return canonicalize(
        SymmetricCrystal(
            space_group=detected.space_group,
            wyckoff=tuple(detected.wyckoff[orbit] for orbit in order),
            species=tuple(detected.numbers[orbit] for orbit in order),
            free_coords=detected.free_coords[order],
            lattice_parameters=detected.lattice_parameters,
        )
    )


def atomic_numbers(structure: Structure) -> Int[np.ndarray, " atoms"]:
    """Element of each site; oxidation states are dropped.

    Raises:
        RepresentationError: Sites are disordered or hold no element.
    """
    numbers = []
    for place, site in enumerate(structure):
        if not site.is_ordered:
            raise RepresentationError(
                f"site {place}: got {site.species_string!r}, which is disordered; "
                "expected one element per site: order the structure first, for "
                "example with pymatgen's OrderDisorderedStructureTransformation"
            )
        element = getattr(site.specie, "element", site.specie)
        # pymatgen's deuterium has the symbol H, but the name D
        name = getattr(element, "name", None)
        if name not in ATOMIC_NUMBERS:
            raise RepresentationError(
                f"site {place}: got {site.species_string!r}, which is no element; "
                "expected H to Og: replace it, for example deuterium by hydrogen"
            )
        numbers.append(ATOMIC_NUMBERS[name])
    return np.array(numbers, dtype=np.int64)


def expand(crystal: SymmetricCrystal) -> ExpandedCrystal:
    """All atoms of the primitive cell, exactly symmetric.

    Raises:
        GeometryError: The lattice parameters close no cell.
    """
    frame = frame_of(crystal.space_group, crystal.wyckoff)
    xyz = crystal.free_coords[frame.orbit]
    frac_coords = np.einsum("aij,aj->ai", frame.maps, xyz) + frame.shifts
    frac_coords -= np.floor(frac_coords)
    frac_coords[frac_coords >= 1.0] = 0.0
    return ExpandedCrystal(
        lattice=frame.vectors @ lattice_matrix(crystal.lattice_parameters),
        frac_coords=frac_coords,
        numbers=np.array(crystal.species, dtype=np.int64)[frame.orbit],
        orbit_of_atom=frame.orbit,
        representative=frame.representative,
    )


def to_structure(crystal: SymmetricCrystal) -> Structure:
    """The primitive cell as a pymatgen structure.

    Raises:
        GeometryError: The lattice parameters close no cell.
    """
    atoms = expand(crystal)
    elements = [Element(SYMBOLS[number - 1]) for number in atoms.numbers.tolist()]
    return Structure(Lattice(atoms.lattice), elements, atoms.frac_coords)


def to_conventional_structure(crystal: SymmetricCrystal) -> Structure:
    """The conventional cell in the standard setting as a pymatgen structure.

    Raises:
        GeometryError: The lattice parameters close no cell.
    """
    positions = space_group(crystal.space_group).positions
    elements: list[Element] = []
    points = []
    for index, number, xyz in zip(
        crystal.wyckoff, crystal.species, crystal.free_coords, strict=True
    ):
        maps = positions[index].maps
        points.append(maps[:, :, :3] @ xyz + maps[:, :, 3])
        elements += [Element(SYMBOLS[number - 1])] * len(maps)
    lattice = Lattice(lattice_matrix(crystal.lattice_parameters))
    return Structure(lattice, elements, np.concatenate(points) % 1.0)
