"""A lattice to decorate: its atoms, and which of them get one element.

Atoms that must hold the same element form an orbit: those that the symmetry of the
host makes equivalent, those of a subgroup in a supercell, or each by itself.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from pymatgen.core import Structure

from crystalgen.decoration.request import Symmetry
from crystalgen.representation.conversion import atomic_numbers, expand
from crystalgen.representation.crystal import SymmetricCrystal
from crystalgen.representation.elements import SYMBOLS
from crystalgen.symmetry.detection import Detected, detect
from crystalgen.symmetry.subgroup import orbits_without_translations
from crystalgen.symmetry.wyckoff import space_group


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Host:
    """Atoms in a cell, and the orbits that hold one element each."""

    lattice: Float[np.ndarray, "3 3"]
    """Cell vectors in rows, Å."""
    frac_coords: Float[np.ndarray, "atoms 3"]
    orbit_of_atom: Int[np.ndarray, " atoms"]
    species: tuple[int, ...]
    """Atomic number of each orbit as it was given."""
    labels: tuple[str, ...]
    """Wyckoff position of each orbit in the group of the host, "4a"."""
    crystal: SymmetricCrystal | None
    """The host by its group; its orbits are those of the host, in the same order. None
    if the orbits are those of a subgroup."""

    @property
    def n_orbits(self) -> int:
        """Number of orbits."""
        return len(self.species)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Atoms of each orbit."""
        return tuple(np.bincount(self.orbit_of_atom).tolist())

    @property
    def description(self) -> str:
        """Sites with their elements, "Na 4a, Cl 4b"."""
        pairs = zip(self.species, self.labels, strict=True)
        names = (f"{SYMBOLS[number - 1]} {label}" for number, label in pairs)
        return ", ".join(dict.fromkeys(names))


def read_host(
    structure: Structure,
    *,
    supercell: tuple[int, int, int] = (1, 1, 1),
    symmetry: Symmetry = "kept",
    symprec: float = 0.1,
) -> Host:
    """Find the orbits of a structure, or of a supercell of it.

    Args:
        structure: Ordered crystal in any cell.
        supercell: Multiples of its three vectors.
        symmetry: "kept": equivalent sites stay so; in a supercell as far as a subgroup
            without the translations of the old cell makes them so. "lowered": each
            atom is by itself.
        symprec: Distance within which atoms count as equivalent, Å.

    Raises:
        GeometryError: No crystal can have this geometry.
        SymmetryError: No space group is found, or the atoms do not fit its orbits.
        RepresentationError: Sites are disordered or hold no element.
    """
    numbers = atomic_numbers(structure)
    detected = detect(
        np.array(structure.lattice.matrix, dtype=np.float64),
        np.array(structure.frac_coords, dtype=np.float64),
        numbers,
        symprec=symprec,
    )
    if supercell == (1, 1, 1) and symmetry == "kept":
        return _symmetric(detected)
    positions = space_group(detected.space_group).positions
    labels = [
        f"{positions[index].multiplicity}{positions[index].letter}"
        for index in detected.wyckoff
    ]
    large = structure.copy()
    large.add_site_property("orbit", detected.orbit_of_atom.tolist())
    if supercell == (1, 1, 1):
        large = large.get_primitive_structure(use_site_props=True)
    large.make_supercell(supercell)
    lattice = np.array(large.lattice.matrix, dtype=np.float64)
    frac_coords = np.array(large.frac_coords, dtype=np.float64)
    numbers = atomic_numbers(large)
    orbits = (
        np.arange(len(large))
        if symmetry == "lowered"
        else orbits_without_translations(lattice, frac_coords, numbers, symprec=symprec)
    )
    first = np.unique(orbits, return_index=True)[1]
    old_orbit = large.site_properties["orbit"]
    return Host(
        lattice=lattice,
        frac_coords=frac_coords,
        orbit_of_atom=orbits,
        species=tuple(numbers[first].tolist()),
        labels=tuple(labels[int(old_orbit[atom])] for atom in first.tolist()),
        crystal=None,
    )


def _symmetric(detected: Detected) -> Host:
    """A host whose orbits are those of its own group."""
    order = np.argsort(detected.wyckoff, kind="stable")
    crystal = SymmetricCrystal(
        space_group=detected.space_group,
        wyckoff=tuple(detected.wyckoff[orbit] for orbit in order),
        species=tuple(detected.numbers[orbit] for orbit in order),
        free_coords=detected.free_coords[order],
        lattice_parameters=detected.lattice_parameters,
    )
    atoms = expand(crystal)
    positions = space_group(crystal.space_group).positions
    return Host(
        lattice=atoms.lattice,
        frac_coords=atoms.frac_coords,
        orbit_of_atom=atoms.orbit_of_atom,
        species=crystal.species,
        labels=tuple(
            f"{positions[index].multiplicity}{positions[index].letter}"
            for index in crystal.wyckoff
        ),
        crystal=crystal,
    )
