"""Cells as `StructureMatcher` compares them, reduced once and told apart cheaply.

Knows what the matcher does before it looks at atoms: it reduces both cells, scales
them to one volume and looks for a lattice of the first with the lengths of the second.
Two cells that this rules out need no comparison of atoms. Volumes rule nothing out, as
they are scaled; nor do the distances of atoms, since the site tolerance is a third of
them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float
from pymatgen.core import Structure

if TYPE_CHECKING:  # takes long to import, and not all who reduce cells compare them
    from pymatgen.analysis.structure_matcher import StructureMatcher

LENGTH_TOLERANCE = 0.2
"""``ltol``, by which share lengths of two cells may differ: the matcher's default."""
SLACK = 1e-3
"""Relative error of a reduced length that is allowed for: niggli reduction ends within
a tolerance."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReducedCell:
    """The primitive cell of a crystal, reduced by Niggli, and how long it is."""

    structure: Structure
    lengths: Float[np.ndarray, "3"]
    """Ascending, in units of the cube root of its volume."""
    shortest: Float[np.ndarray, "3"]
    """Of the shortest independent vectors of its lattice, likewise."""

    @property
    def n_atoms(self) -> int:
        """Atoms of the cell."""
        return len(self.structure)


def reduce_cell(structure: Structure) -> ReducedCell:
    """Find the cell that `StructureMatcher` compares."""
    niggli = structure.get_reduced_structure(reduction_algo="niggli")
    cell = niggli.get_primitive_structure()
    unit = cell.volume ** (1 / 3)
    # a primitive cell was reduced at once; that of a larger one may not be
    is_reduced = cell.lattice == niggli.lattice
    reduced = cell.lattice if is_reduced else cell.lattice.get_niggli_reduced_lattice()
    return ReducedCell(
        structure=cell,
        lengths=np.sort(cell.lattice.abc) / unit,
        shortest=np.sort(reduced.abc) / unit,
    )


def may_be_equal(
    cell: ReducedCell, others: Sequence[ReducedCell], *, length_tolerance: float
) -> Bool[np.ndarray, " others"]:
    """Which cells the matcher might find equal to the first; it finds no others.

    A match is a basis of the first lattice whose lengths are those of the other cell
    up to the tolerance. No basis is shorter than the shortest independent vectors, so
    the i-th of those may exceed the i-th length of the other cell by it at most.

    Args:
        cell: The first argument of `StructureMatcher.fit`.
        others: The second one.
        length_tolerance: ``ltol`` of the matcher.
    """
    if not others:
        return np.zeros(0, dtype=bool)
    limits = np.stack([other.lengths for other in others])
    limits *= (1 + length_tolerance) * (1 + SLACK)
    sizes = np.array([other.n_atoms for other in others])
    return (sizes == cell.n_atoms) & (cell.shortest <= limits).all(axis=1)


def are_equal(
    cell: ReducedCell, other: ReducedCell, *, matcher: "StructureMatcher"
) -> bool:
    """Whether the matcher finds two crystals equal, without reducing them again."""
    return bool(
        matcher.fit(cell.structure, other.structure, skip_structure_reduction=True)
    )


def first_equal(
    cell: ReducedCell, others: Sequence[ReducedCell], *, matcher: "StructureMatcher"
) -> int | None:
    """Index of the first cell that the matcher finds equal; None if there is none.

    Args:
        cell: The first argument of `StructureMatcher.fit`.
        others: The second ones; atoms are compared only where lattices may agree.
        matcher: With `LENGTH_TOLERANCE`.
    """
    may = may_be_equal(cell, others, length_tolerance=LENGTH_TOLERANCE)
    places = np.flatnonzero(may).tolist()
    equal = (at for at in places if are_equal(cell, others[at], matcher=matcher))
    return next(equal, None)
