"""The one module that talks to spglib.

It knows how to ask and how to turn an answer of spglib into this package's errors.
It does not check geometry: spglib 2.8 crashes or hangs the process on cells that are
not finite or nearly singular, so `crystalgen.symmetry.gate` comes before every call
that takes a structure.
"""

import os
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import spglib
import spglib.error
from jaxtyping import Float, Int

from crystalgen.errors import SymmetryError


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Dataset:
    """What spglib says of a structure; "standard" is the cell of the Hall number."""

    number: int
    """Space group, 1 to 230."""
    hall_number: int
    """Setting, 1 to 530."""
    transformation_matrix: Float[np.ndarray, "3 3"]
    """Takes fractions to standard ones, before the shift."""
    origin_shift: Float[np.ndarray, "3"]
    """Added to the fractions after the transformation."""
    wyckoffs: list[str]
    """Letter of each atom."""
    crystallographic_orbits: Int[np.ndarray, " atoms"]
    """First atom of the orbit that each atom belongs to."""
    mapping_to_primitive: Int[np.ndarray, " atoms"]
    """Atom of the primitive cell that each atom is an image of."""
    std_lattice: Float[np.ndarray, "3 3"]
    """Standard cell vectors in rows, Å."""
    std_positions: Float[np.ndarray, "std_atoms 3"]
    """Fractions of all atoms in the standard cell."""
    std_types: Int[np.ndarray, " std_atoms"]
    """Their atomic numbers."""
    std_mapping_to_primitive: Int[np.ndarray, " std_atoms"]
    """Atom of the primitive cell that each of them is an image of."""
    rotations: Int[np.ndarray, "ops 3 3"]
    """Of all operations, in fractions of the cell given."""
    translations: Float[np.ndarray, "ops 3"]
    """Their shifts."""


def _speak_by_exceptions() -> None:
    """Have spglib raise instead of returning None, and keep it off stderr."""
    spglib.error.OLD_ERROR_HANDLING = False
    os.environ.setdefault("SPGLIB_WARNING", "OFF")


def operations(
    hall_number: int,
) -> tuple[Int[np.ndarray, "ops 3 3"], Float[np.ndarray, "ops 3"]]:
    """All operations of a space-group setting, in its conventional cell.

    Args:
        hall_number: Setting, 1 to 530 (Seto's table, as in spglib).

    Returns:
        Rotations and translations (fractions), centring translations included; the
        identity comes first.

    Raises:
        SymmetryError: There is no such setting.
    """
    _speak_by_exceptions()
    found = spglib.get_symmetry_from_database(hall_number)
    if found is None:
        raise SymmetryError(f"Hall number: got {hall_number}; expected 1 to 530")
    rotations = np.asarray(found["rotations"], dtype=np.int64)
    return rotations, np.asarray(found["translations"], dtype=np.float64)


def dataset(
    lattice: Float[np.ndarray, "3 3"],
    frac_coords: Float[np.ndarray, "atoms 3"],
    numbers: Int[np.ndarray, " atoms"],
    *,
    symprec: float,
    angle_tolerance: float = -1.0,
    hall_number: int = 0,
) -> Dataset:
    """Spglib's description of a structure whose geometry has been checked.

    Args:
        lattice: Cell vectors in rows, Å.
        frac_coords: Fractional positions.
        numbers: Atomic numbers.
        symprec: Distance within which atoms count as equivalent, Å.
        angle_tolerance: Degrees by which cells may differ that an operation maps on
            each other; below 0 spglib infers it from symprec.
        hall_number: Setting to describe it in; 0 leaves the choice to spglib.

    Raises:
        SymmetryError: spglib finds no group, or not the group of `hall_number`.
    """
    _speak_by_exceptions()
    cell: Any = (lattice, frac_coords, numbers)  # spglib says lists, takes arrays
    try:
        found = spglib.get_symmetry_dataset(
            cell,
            symprec=symprec,
            angle_tolerance=angle_tolerance,
            hall_number=hall_number,
        )
    except spglib.error.SpglibError as error:
        raise SymmetryError(
            f"spglib finds no space group for {len(numbers)} atoms at {symprec=} Å "
            f"({error}); expected atoms farther apart than symprec: a smaller symprec "
            "may help"
        ) from error
    if found is None:
        raise SymmetryError(
            f"spglib finds no space group for {len(numbers)} atoms at {symprec=} Å; "
            "a smaller symprec may help"
        )
    return Dataset(
        **{field.name: getattr(found, field.name) for field in fields(Dataset)}
    )
