"""What a drawn crystal must pass: whether it is new, sound, and of its group."""

import numpy as np
from jaxtyping import Float

from crystalgen.errors import GeometryError, SymmetryError
from crystalgen.generation.contacts import are_contacts_sane
from crystalgen.generation.weights import Weights
from crystalgen.representation.conversion import expand
from crystalgen.representation.crystal import SymmetricCrystal
from crystalgen.representation.elements import RANKS
from crystalgen.representation.framework import protostructure_of
from crystalgen.representation.prototype import Prototype
from crystalgen.symmetry.confirmation import is_group_found
from crystalgen.symmetry.gate import check_cell

SYMPREC = 0.1
"""Tolerance in Å at which spglib must find the declared group."""
MARGIN = 1.02
"""Times the tolerance, at which it must find it, too: near a higher symmetry, what it
finds hangs on the last digits of a file."""
PYMATGEN_ANGLE = 5.0
"""Degrees that pymatgen's `SpacegroupAnalyzer` lets cells differ. By itself spglib lets
them differ by less, so what is found with this is found without."""
_RANKS = np.array(RANKS)


def is_known(prototype: Prototype, roles: tuple[int, ...], weights: Weights) -> bool:
    """Whether a training crystal has these elements on these positions."""
    return label_of(prototype, roles) in weights.known


def label_of(prototype: Prototype, roles: tuple[int, ...]) -> str:
    """The protostructure that a prototype becomes with these elements."""
    species = tuple(roles[role] for role in prototype.roles)
    return protostructure_of(prototype.space_group, prototype.wyckoff, species)


def fault_of(
    crystal: SymmetricCrystal,
    weights: Weights,
    *,
    is_group_asked: bool = False,
    limits: Float[np.ndarray, "species species"] | None = None,
) -> str:
    """First check that a crystal fails; empty if it passes all.

    The checks: the numeric gate, distances (images included) against the learnt
    limits, and the declared space group with its primitive cell, which must be what
    spglib finds, called as pymatgen calls it.

    Args:
        crystal: To be judged.
        weights: What is known of distances in training crystals.
        is_group_asked: Whether the group or the size of the cell was asked for; then
            spglib is asked with and without `MARGIN`, of the atoms as they are and as
            pymatgen reads them back.
        limits: Smallest distance in Å of each pair of elements, where they are others
            than those of the crystal's composition.
    """
    atoms = expand(crystal)
    try:
        check_cell(atoms.lattice, n_atoms=len(atoms.numbers))
    except GeometryError:
        return "cell"
    if not are_contacts_sane(
        atoms.lattice,
        atoms.frac_coords,
        atoms.numbers,
        atoms.representative,
        weights.limits_of(crystal) if limits is None else limits,
    ):
        return "distance"
    # near a higher symmetry, spglib's answer depends on the order of the atoms: take
    # the one in which pymatgen reads them back
    order = np.argsort(_RANKS[atoms.numbers - 1], kind="stable")
    # a larger tolerance finds what a smaller one does, but for rare cells
    tolerances, orders = (MARGIN * SYMPREC,), (order,)
    if is_group_asked:
        tolerances, orders = (*tolerances, SYMPREC), (order, np.arange(len(order)))
    try:
        is_found = all(
            is_group_found(
                crystal.space_group,
                atoms.lattice,
                atoms.frac_coords[each],
                atoms.numbers[each],
                symprec=tolerance,
                angle_tolerance=PYMATGEN_ANGLE,
            )
            for each in orders
            for tolerance in tolerances
        )
    except GeometryError:
        return "cell"
    except SymmetryError:
        return "group"
    return "" if is_found else "group"
