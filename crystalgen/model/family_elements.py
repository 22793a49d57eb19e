"""Which family of its prototype a crystal's elements suggest, learnt by counting.

A naive Bayes classifier: of each family, how many members it has and, of each role, the
mean and the variance of where the elements stand in the periodic table
(`crystalgen.representation.periodic_table`). Of a family of one crystal the means are
rounded, so that they fit several elements.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Float64, Int
from torch import Tensor, nn

from crystalgen.model.families import Kin
from crystalgen.representation.periodic_table import STEPS, element_places
from crystalgen.representation.prototype import PrototypeVocabulary
from crystalgen.representation.table import CrystalTable

USUAL_VARIANCE = 0.3
"""Of a feature within a family, before any member is seen."""
USUAL_WEIGHT = 3.0
"""Members that it counts as much as."""
SHARE = 0.6
"""Weight of the evidence of each feature: they are far from independent."""
COARSE = 0.5
"""To whose multiples the means of a single member are rounded."""


class FamilyElementArrays(NamedTuple):
    """Families of the prototypes that have several, the largest of each first."""

    prototype: Int[np.ndarray, " families"]
    """Row of the vocabulary; ascending."""
    counts: Int[np.ndarray, " families"]
    """Members."""
    mean: Float[np.ndarray, "family_roles features"]
    """Of the elements of each role."""
    variance: Float[np.ndarray, "family_roles features"]
    """The same, drawn towards `USUAL_VARIANCE`."""


def fit_family_elements(
    crystals: CrystalTable, kin: Sequence[Kin]
) -> FamilyElementArrays:
    """Count members, and average over their elements.

    Args:
        crystals: Training crystals.
        kin: Their families.
    """
    prototype, count = [], []
    mean, variance = [np.zeros((0, len(STEPS)))], [np.zeros((0, len(STEPS)))]
    for each in kin:
        for members in each.families:
            # none may be near the mean of the largest family
            rows = members if len(members) else np.concatenate(each.families)
            elements = [_elements(crystals, row) for row in rows.tolist()]
            places = np.array([_places(each) for each in elements])
            centre, n = places.mean(axis=0), len(rows)
            spread = n * places.var(axis=0) + USUAL_WEIGHT * USUAL_VARIANCE
            prototype.append(each.prototype)
            count.append(n)
            mean.append(centre if n > 1 else np.rint(centre / COARSE) * COARSE)
            variance.append(spread / (n + USUAL_WEIGHT))
    return FamilyElementArrays(
        np.array(prototype, dtype=np.int32),
        np.array(count, dtype=np.int32),
        np.concatenate(mean).astype(np.float32),
        np.concatenate(variance).astype(np.float32),
    )


def _elements(crystals: CrystalTable, row: int) -> tuple[int, ...]:
    """Elements of the roles of a crystal, in order."""
    orbits = slice(*crystals.orbit_offsets[row : row + 2])
    return tuple(dict.fromkeys(crystals.species[orbits].tolist()))


def _places(elements: Sequence[int]) -> Float64[np.ndarray, "roles features"]:
    return element_places()[list(elements)]


class FamilyElements(nn.Module):
    """Tells how likely the families of a prototype are.

    Args:
        arrays: What was counted.
        vocabulary: The prototypes that it was counted for.
    """

    prototype: Tensor
    counts: Tensor
    mean: Tensor
    variance: Tensor

    def __init__(
        self, arrays: FamilyElementArrays, vocabulary: PrototypeVocabulary
    ) -> None:
        super().__init__()
        for name, array in arrays._asdict().items():
            self.register_buffer(name, torch.from_numpy(array.copy()))
        rows = arrays.prototype
        n_roles = np.maximum.reduceat(vocabulary.role, vocabulary.offsets[:-1]) + 1
        self._offsets = np.concatenate([[0], np.cumsum(n_roles[rows])])
        self._first = np.searchsorted(rows, np.arange(len(vocabulary) + 1))

    def log_probabilities(
        self, prototype: int, elements: Sequence[int]
    ) -> Float64[np.ndarray, " families"]:
        """Of the families of a row of the vocabulary, the largest first.

        Args:
            prototype: The row; of a prototype with several families.
            elements: Atomic numbers of its roles.
        """
        families = range(int(self._first[prototype]), int(self._first[prototype + 1]))
        roles = slice(self._offsets[families.start], self._offsets[families.stop])
        shape = (len(families), len(elements), len(STEPS))
        mean = self.mean[roles].double().cpu().numpy().reshape(shape)
        variance = self.variance[roles].double().cpu().numpy().reshape(shape)
        apart = (_places(elements) - mean) ** 2 / variance + np.log(variance)
        counts = self.counts[families.start : families.stop].cpu().numpy()
        odds = np.log(counts) - 0.5 * SHARE * apart.sum(axis=(1, 2))
        return odds - np.logaddexp.reduce(odds)
