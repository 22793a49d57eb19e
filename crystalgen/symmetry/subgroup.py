"""Orbits of a supercell under a subgroup that has lost the old translations.

All operations of the crystal that map the supercell onto itself are found by spglib.
Among them a subgroup is grown that keeps as many rotations as it can and no
translation but those of the supercell: rotations are added one after the other, in
spglib's order, each with the first translation that forces no pure one.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from crystalgen.errors import SymmetryError
from crystalgen.symmetry import engine
from crystalgen.symmetry.gate import check_geometry


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Operation:
    """A rotation, in fractions of the cell, and where it takes each atom."""

    rotation: Int[np.ndarray, "3 3"]
    images: Int[np.ndarray, " atoms"]

    def after(self, other: "_Operation") -> "_Operation":
        return _Operation(
            rotation=self.rotation @ other.rotation,
            images=self.images[other.images],
        )


def orbits_without_translations(
    lattice: Float[np.ndarray, "3 3"],
    frac_coords: Float[np.ndarray, "atoms 3"],
    numbers: Int[np.ndarray, " atoms"],
    *,
    symprec: float = 0.1,
) -> Int[np.ndarray, " atoms"]:
    """Number of the orbit of each atom under the subgroup, by first appearance.

    Args:
        lattice: Vectors of the supercell in rows, Å.
        frac_coords: Fractional positions of all its atoms.
        numbers: Atomic numbers.
        symprec: Distance within which atoms count as equivalent, Å.

    Raises:
        GeometryError: No crystal can have this geometry.
        SymmetryError: No space group is found.
    """
    check_geometry(lattice, frac_coords)
    cell = (np.ascontiguousarray(lattice, dtype=np.float64), frac_coords, numbers)
    found = engine.dataset(*cell, symprec=symprec)
    operations = [
        _Operation(
            rotation=np.asarray(rotation, dtype=np.int64),
            images=_images(frac_coords, numbers, rotation, shift),
        )
        for rotation, shift in zip(found.rotations, found.translations, strict=True)
    ]
    chosen = _without_translations(operations, len(numbers))
    first = np.min([each.images for each in chosen], axis=0)
    return np.unique(first, return_inverse=True)[1].astype(np.int64)


def _images(
    frac_coords: Float[np.ndarray, "atoms 3"],
    numbers: Int[np.ndarray, " atoms"],
    rotation: Int[np.ndarray, "3 3"],
    shift: Float[np.ndarray, "3"],
) -> Int[np.ndarray, " atoms"]:
    """The atom at which each atom arrives."""
    moved = frac_coords @ np.asarray(rotation).T + shift
    offset = moved[:, None] - frac_coords
    offset -= np.rint(offset)
    distance = np.square(offset).sum(axis=2)
    distance[numbers[:, None] != numbers] = np.inf
    images = distance.argmin(axis=1)
    if len(np.unique(images)) != len(images):
        raise SymmetryError(
            "supercell: its atoms do not fit the operations that spglib finds; "
            "a smaller symprec may help"
        )
    return images


def _without_translations(
    operations: list[_Operation], n_atoms: int
) -> list[_Operation]:
    """A subgroup in which each rotation occurs once."""
    group = [_Operation(rotation=np.eye(3, dtype=np.int64), images=np.arange(n_atoms))]
    for candidate in operations:
        if any((candidate.rotation == each.rotation).all() for each in group):
            continue
        grown = _generated(group, candidate)
        if grown is not None:
            group = grown
    return group


def _generated(group: list[_Operation], added: _Operation) -> list[_Operation] | None:
    """The group that another operation generates; None if it has a translation."""
    known = {each.rotation.tobytes(): each for each in group}
    waiting = [added]
    generators = [*group[1:], added]
    while waiting:
        new = waiting.pop()
        held = known.get(new.rotation.tobytes())
        if held is None:
            known[new.rotation.tobytes()] = new
            waiting += [each.after(new) for each in generators]
        elif not (held.images == new.images).all():
            return None
    return list(known.values())
