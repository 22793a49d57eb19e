"""All templates that a draw may take, as intervals that fill the unit interval.

In order: new ones by group, then known prototypes by number of elements and group. So
what matters most about a crystal takes few intervals, and numbers that are evenly
spread draw it evenly.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int

from crystalgen.model.tables import N_GROUPS
from crystalgen.representation.prototype import PrototypeVocabulary

NEW = -1
"""Row of the vocabulary that stands for a new prototype."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cells:
    """Intervals of the unit interval, one after the other."""

    group: Int[np.ndarray, " cells"]
    """Space group."""
    row: Int[np.ndarray, " cells"]
    """Row of the vocabulary, or `NEW`."""
    probability: Float64[np.ndarray, " cells"]
    """Length of each; they add up to 1, or are all 0."""
    edges: Float64[np.ndarray, " cells"]
    """Where each ends."""

    def at(self, point: float) -> tuple[int, int]:
        """Group and row of the interval that holds a point in [0, 1)."""
        cell = np.searchsorted(self.edges, point * self.edges[-1], side="right")
        return int(self.group[cell]), int(self.row[cell])

    def log_prob(self, group: int, row: int) -> float:
        """Log-probability of a known prototype of a group, or of a new one."""
        [cell] = np.flatnonzero((self.group == group) & (self.row == row))
        return float(np.log(self.probability[cell]))


def cells_of(
    vocabulary: PrototypeVocabulary,
    *,
    prototypes: Float64[np.ndarray, " prototypes"],
    groups: Float64[np.ndarray, " groups"],
    new: Float64[np.ndarray, " groups"],
) -> Cells:
    """Fill the unit interval.

    Args:
        vocabulary: The known prototypes.
        prototypes: Weight of each within its group; 0 where it is not allowed.
        groups: Probability of each space group; row 0 is unused.
        new: Probability that a draw of each group takes a new prototype.
    """
    of_rows = vocabulary.space_group
    weight = np.bincount(of_rows, prototypes, minlength=N_GROUPS + 1)
    known = groups * (1 - new) / np.where(weight > 0, weight, 1)
    order = np.lexsort((of_rows, n_elements(vocabulary)))
    probability = np.concatenate([groups * new, (known[of_rows] * prototypes)[order]])
    return Cells(
        group=np.concatenate([np.arange(N_GROUPS + 1), of_rows[order]]),
        row=np.concatenate([np.full(N_GROUPS + 1, NEW), order]),
        probability=probability,
        edges=probability.cumsum(),
    )


def n_elements(vocabulary: PrototypeVocabulary) -> Int[np.ndarray, " prototypes"]:
    """Distinct elements of each known prototype."""
    return np.maximum.reduceat(vocabulary.role, vocabulary.offsets[:-1]) + 1
