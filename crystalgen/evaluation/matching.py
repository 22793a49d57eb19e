"""Which crystals of a set are the same, and which are known already.

Two crystals are the same if pymatgen's ``StructureMatcher`` with its default
tolerances says so; only crystals of one reduced formula are compared. How far apart
the atoms of two versions of a crystal lie is measured here, too.
"""

from collections.abc import Iterable, Sequence

from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core import Structure

from crystalgen.representation.reduced_cell import (
    LENGTH_TOLERANCE,
    ReducedCell,
    first_equal,
    reduce_cell,
)


def duplicates(structures: Sequence[Structure]) -> list[int]:
    """Indices of structures that repeat an earlier one.

    Of each class of equal structures the first is no duplicate.
    """
    return [
        index for index, first in enumerate(first_equals(structures)) if first != index
    ]


def first_equals(structures: Sequence[Structure]) -> list[int]:
    """For each structure the index of the first one that is equal, maybe its own.

    Each is compared with the first ones of the classes before it. Cells are reduced
    once, and atoms are compared only where the lattices may agree.
    """
    matcher = StructureMatcher(ltol=LENGTH_TOLERANCE)
    first = list(range(len(structures)))
    for indices in by_formula(structures).values():
        kept: list[int] = []
        cells: list[ReducedCell] = []
        for index in indices if len(indices) > 1 else ():
            cell = reduce_cell(structures[index])
            place = first_equal(cell, cells, matcher=matcher)
            if place is not None:
                first[index] = kept[place]
            else:
                kept.append(index)
                cells.append(cell)
    return first


def n_primitive_atoms(structure: Structure) -> int:
    """Atoms of the primitive cell that `StructureMatcher` compares."""
    return len(structure.get_reduced_structure().get_primitive_structure())


def is_known(structure: Structure, known: Iterable[Structure]) -> bool:
    """Whether the structure matches one of the known ones of its own formula."""
    matcher = StructureMatcher()
    return any(matcher.fit(structure, each) for each in known)


def rms_displacement(structure: Structure, moved: Structure) -> float | None:
    """How far atoms lie apart in two versions of a crystal, in Å; None: no match.

    ``StructureMatcher.get_rms_dist``, whose unit is the cube root of the volume per
    atom at the geometric mean of both volumes. The tolerances are the wide ones of
    crystal structure prediction, so that crystals that moved far count with how far.
    Both cells must hold the same atoms, for example before and after a relaxation: no
    primitive cell is looked for, since one version may have a smaller one than the
    other within the tolerances.
    """
    matcher = StructureMatcher(ltol=0.3, stol=0.5, angle_tol=10, primitive_cell=False)
    found = matcher.get_rms_dist(structure, moved)
    if found is None:
        return None
    volume = (structure.volume * moved.volume) ** 0.5
    return float(found[0]) * (volume / len(structure)) ** (1 / 3)


def by_formula(structures: Sequence[Structure]) -> dict[str, list[int]]:
    """Indices of the structures of each reduced formula, in order."""
    groups: dict[str, list[int]] = {}
    for index, structure in enumerate(structures):
        formula = structure.composition.reduced_formula
        groups.setdefault(formula, []).append(index)
    return groups
