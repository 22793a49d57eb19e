"""What a drawn crystal must pass: whether it is new, sound, and of its group."""

import numpy as np

from crystalgen.errors import GeometryError, SymmetryError
from crystalgen.generation.contacts import are_contacts_sane
from crystalgen.generation.weights import Weights
from crystalgen.representation.conversion import expand
from crystalgen.representation.crystal import SymmetricCrystal
from crystalgen.representation.elements import RANKS
from crystalgen.representation.framework import protostructure_of
from crystalgen.representation.prototype import Prototype
from crystalgen.symmetry.confirmation import is_group_found
from crystalgen.symmetry.gate import check_geometry

SYMPREC = 0.1
"""Tolerance in Å at which spglib must find the declared group."""
_RANKS = np.array(RANKS)


def is_known(prototype: Prototype, roles: tuple[int, ...], weights: Weights) -> bool:
    """Whether a training crystal has these elements on these positions."""
    species = tuple(roles[role] for role in prototype.roles)
    label = protostructure_of(prototype.space_group, prototype.wyckoff, species)
    return label in weights.known


def fault_of(crystal: SymmetricCrystal, weights: Weights) -> str:
    """First check that a crystal fails; empty if it passes all.

    The checks: the numeric gate, distances (images included) against the learnt
    limits, and the declared space group, which must be the one that spglib finds.
    """
    atoms = expand(crystal)
    try:
        check_geometry(atoms.lattice, atoms.frac_coords)
    except GeometryError:
        return "cell"
    if not are_contacts_sane(
        atoms.lattice,
        atoms.frac_coords,
        atoms.numbers,
        atoms.representative,
        weights.distance_limits,
    ):
        return "distance"
    # near a higher symmetry, spglib's answer depends on the order of the atoms: take
    # the one in which pymatgen reads them back
    order = np.argsort(_RANKS[atoms.numbers - 1], kind="stable")
    try:
        is_found = is_group_found(
            crystal.space_group,
            atoms.lattice,
            atoms.frac_coords[order],
            atoms.numbers[order],
            symprec=SYMPREC,
        )
    except SymmetryError:
        return "group"
    return "" if is_found else "group"
