"""Find the space group of atoms in a cell and describe them in the standard setting.

spglib finds the symmetry; the description uses this package's own Wyckoff table: each
orbit is matched to the position whose map reproduces it, so letters never depend on
how spglib counts them. Cell and atoms are averaged over all operations of the group, so
the result does not depend on which atoms or which cell represent the crystal.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from crystalgen.errors import SymmetryError
from crystalgen.symmetry import engine
from crystalgen.symmetry.gate import check_geometry
from crystalgen.symmetry.lattice import constrain, metric_parameters
from crystalgen.symmetry.wyckoff import SpaceGroup, WyckoffPosition, space_group


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Detected:
    """A structure in the standard setting, exactly symmetric."""

    space_group: int
    """1 to 230."""
    lattice_parameters: Float[np.ndarray, "6"]
    """a, b, c (Å), alpha, beta, gamma (degrees) of the conventional cell."""
    wyckoff: tuple[int, ...]
    """Index of the Wyckoff position of each orbit, in no particular order."""
    numbers: tuple[int, ...]
    """Atomic number of each orbit."""
    free_coords: Float[np.ndarray, "orbits 3"]
    """Parameters of each orbit in [0, 1); those a position does not use are 0."""
    orbit_of_atom: Int[np.ndarray, " atoms"]
    """Orbit of each atom that was given."""


def detect(
    lattice: Float[np.ndarray, "3 3"],
    frac_coords: Float[np.ndarray, "atoms 3"],
    numbers: Int[np.ndarray, " atoms"],
    *,
    symprec: float = 0.1,
) -> Detected:
    """Describe a structure by its space group, orbits and free parameters.

    Args:
        lattice: Cell vectors in rows, Å; any cell of the crystal.
        frac_coords: Fractional positions.
        numbers: Atomic numbers.
        symprec: Distance within which atoms count as equivalent, Å.

    Raises:
        GeometryError: No crystal can have this geometry.
        SymmetryError: No space group is found, or the atoms do not fit its orbits.
    """
    check_geometry(lattice, frac_coords)
    cell = (np.ascontiguousarray(lattice, dtype=np.float64), frac_coords, numbers)
    found = engine.dataset(*cell, symprec=symprec)
    group = space_group(found.number)
    if found.hall_number != group.hall_number:
        found = engine.dataset(*cell, symprec=symprec, hall_number=group.hall_number)
    std_lattice = np.asarray(found.std_lattice)
    atoms = frac_coords @ found.transformation_matrix.T + found.origin_shift
    orbit_of_atom = np.asarray(found.crystallographic_orbits)
    orbit_of_std_atom, input_atom = _orbits(found)
    orbits = []
    for orbit in np.unique(orbit_of_atom):
        members = np.flatnonzero(orbit_of_std_atom == orbit)
        index, xyz = _match(
            group,
            found.std_positions[members[0]],
            std_lattice,
            n_images=len(members),
            guess=found.wyckoffs[input_atom[members[0]]],
            tolerance=2 * symprec,
        )
        averaged = _average(
            group, index, xyz, atoms[orbit_of_atom == orbit], std_lattice
        )
        orbits.append((index, int(found.std_types[members[0]]), averaged))
    std_vectors = np.linalg.inv(found.transformation_matrix).T @ lattice
    return Detected(
        space_group=group.number,
        lattice_parameters=_average_cell(group, std_vectors),
        wyckoff=tuple(index for index, _, _ in orbits),
        numbers=tuple(number for _, number, _ in orbits),
        free_coords=np.array([xyz for _, _, xyz in orbits]),
        orbit_of_atom=np.unique(orbit_of_atom, return_inverse=True)[1],
    )


class FoundGroup(NamedTuple):
    """What spglib finds a crystal to be, in short."""

    number: int
    """Space group, 1 to 230."""
    n_primitive: int
    """Atoms in the primitive cell."""


def space_group_number(
    lattice: Float[np.ndarray, "3 3"],
    frac_coords: Float[np.ndarray, "atoms 3"],
    numbers: Int[np.ndarray, " atoms"],
    *,
    symprec: float = 0.1,
    angle_tolerance: float = -1.0,
) -> int:
    """The space group alone, see `found_group`.

    Raises:
        GeometryError: No crystal can have this geometry.
        SymmetryError: No space group is found.
    """
    return found_group(
        lattice,
        frac_coords,
        numbers,
        symprec=symprec,
        angle_tolerance=angle_tolerance,
    ).number


def found_group(
    lattice: Float[np.ndarray, "3 3"],
    frac_coords: Float[np.ndarray, "atoms 3"],
    numbers: Int[np.ndarray, " atoms"],
    *,
    symprec: float = 0.1,
    angle_tolerance: float = -1.0,
) -> FoundGroup:
    """The space group and the size of the primitive cell: a cheap confirmation.

    Args:
        lattice: Cell vectors in rows, Å; any cell of the crystal.
        frac_coords: Fractional positions.
        numbers: Atomic numbers.
        symprec: Distance within which atoms count as equivalent, Å.
        angle_tolerance: Degrees by which cells may differ that an operation maps on
            each other; below 0 spglib infers it from symprec.

    Raises:
        GeometryError: No crystal can have this geometry.
        SymmetryError: No space group is found.
    """
    check_geometry(lattice, frac_coords)
    cell = np.ascontiguousarray(lattice, dtype=np.float64)
    found = engine.dataset(
        cell,
        frac_coords,
        numbers,
        symprec=symprec,
        angle_tolerance=angle_tolerance,
    )
    return FoundGroup(
        number=int(found.number),
        n_primitive=len(np.unique(found.mapping_to_primitive)),
    )


def _orbits(
    found: engine.Dataset,
) -> tuple[Int[np.ndarray, " atoms"], Int[np.ndarray, " atoms"]]:
    """Orbit of each atom of the standard cell, and an input atom it stands for."""
    to_primitive = np.asarray(found.mapping_to_primitive)
    primitive_atoms, input_atoms = np.unique(to_primitive, return_index=True)
    wanted = np.searchsorted(primitive_atoms, found.std_mapping_to_primitive)
    input_atom = input_atoms[wanted]
    return np.asarray(found.crystallographic_orbits)[input_atom], input_atom


def _match(
    group: SpaceGroup,
    point: Float[np.ndarray, "3"],
    lattice: Float[np.ndarray, "3 3"],
    *,
    n_images: int,
    guess: str,
    tolerance: float,
) -> tuple[int, Float[np.ndarray, "3"]]:
    """Wyckoff index and parameters of the orbit through a point.

    The first position within 0.001 Å wins (spglib's guess, then the most special one),
    else the nearest.
    """
    images = group.rotations @ point + group.translations
    candidates = [
        (position.letter != guess, index)
        for index, position in enumerate(group.positions)
        if position.multiplicity == n_images
    ]
    best = (np.inf, -1, point)
    for _, index in sorted(candidates):
        xyz, distance = _parameters(group.positions[index], images, lattice)
        if distance < best[0]:
            best = (distance, index, xyz)
        if distance < 1e-3:
            break
    distance, index, xyz = best
    if distance > tolerance:
        raise SymmetryError(
            f"group {group.number}: no Wyckoff position has the {n_images} atoms "
            f"around {np.round(point, 4).tolist()} (nearest: {distance:.3f} Å off); "
            "a smaller symprec may help"
        )
    return index, xyz


def _parameters(
    position: WyckoffPosition,
    images: Float[np.ndarray, "ops 3"],
    lattice: Float[np.ndarray, "3 3"],
) -> tuple[Float[np.ndarray, "3"], float]:
    """Parameters of the image nearest to the tabulated map, and its distance in Å."""
    matrix, shift = position.maps[0, :, :3], position.maps[0, :, 3]
    offset = images - shift
    xyz = offset @ position.inverse.T
    residual = offset - xyz @ matrix.T
    residual -= np.rint(residual)
    distances = np.linalg.norm(residual @ lattice, axis=1)
    nearest = int(distances.argmin())
    return xyz[nearest], float(distances[nearest])


def _average(
    group: SpaceGroup,
    index: int,
    xyz: Float[np.ndarray, "3"],
    atoms: Float[np.ndarray, "atoms 3"],
    lattice: Float[np.ndarray, "3 3"],
) -> Float[np.ndarray, "3"]:
    """Parameters in [0, 1) of an orbit, averaged over all its atoms and operations."""
    position = group.positions[index]
    point = position.maps[0, :, :3] @ xyz + position.maps[0, :, 3]
    images = np.einsum("jab,ib->ija", group.rotations, atoms) + group.translations
    offset = images - point
    offset -= np.rint(offset)
    distances = np.linalg.norm(offset @ lattice, axis=2)
    n_fixing = len(group.rotations) // position.multiplicity
    nearest = np.argpartition(distances, n_fixing - 1, axis=1)[:, :n_fixing]
    shift = np.take_along_axis(offset, nearest[:, :, None], axis=1).mean(axis=(0, 1))
    averaged = position.inverse @ (point + shift - position.maps[0, :, 3])
    averaged -= np.floor(averaged)
    return np.where(averaged < 1.0, averaged, 0.0)


def _average_cell(
    group: SpaceGroup, vectors: Float[np.ndarray, "3 3"]
) -> Float[np.ndarray, "6"]:
    """Lattice parameters of a cell whose metric is averaged over the point group."""
    rotations = group.rotations
    metric = rotations.swapaxes(1, 2) @ (vectors @ vectors.T) @ rotations
    averaged = metric_parameters(metric.mean(axis=0))
    return constrain(averaged, group.crystal_system)
