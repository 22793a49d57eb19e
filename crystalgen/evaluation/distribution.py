"""Distances between the distributions of two sets of crystals.

The Wasserstein distance of densities and of element counts, as introduced for
crystals by CDVAE (Xie et al., ICLR 2022), and the Jensen-Shannon divergence of space
groups (Lin, IEEE Trans. Inf. Theory 37, 145, 1991), in bits. All three are above zero
for two samples of one distribution, the more so the smaller they are: compare only
figures for samples of the same size.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from pymatgen.core import Structure
from scipy.stats import entropy, wasserstein_distance


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """What is compared of each crystal."""

    density: float
    """g/cm³."""
    n_elements: int
    space_group: int
    """Found at 0.1 Å; 0 if there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Distances:
    """How far a sample is from a reference."""

    n_sample: int
    n_reference: int
    density: float
    """Wasserstein distance in g/cm³."""
    n_elements: float
    """Wasserstein distance of the number of elements."""
    space_group_bits: float
    """Jensen-Shannon divergence of the space groups, 0 to 1."""


def distances(sample: Sequence[Traits], reference: Sequence[Traits]) -> Distances:
    """Compare all crystals of a sample, valid or not, with those of a reference.

    CDVAE compares the valid ones only, which flatters a generator whose invalid
    crystals are far off.

    Raises:
        ValueError: One of the samples is empty.
    """
    return Distances(
        n_sample=len(sample),
        n_reference=len(reference),
        density=wasserstein(
            np.array([each.density for each in sample]),
            np.array([each.density for each in reference]),
        ),
        n_elements=wasserstein(
            np.array([each.n_elements for each in sample]),
            np.array([each.n_elements for each in reference]),
        ),
        space_group_bits=jensen_shannon(
            [each.space_group for each in sample],
            [each.space_group for each in reference],
        ),
    )


def densities(structures: Sequence[Structure]) -> Float[np.ndarray, " crystals"]:
    """Mass density of each structure in g/cm³."""
    return np.array([each.density for each in structures], dtype=float)


def element_counts(structures: Sequence[Structure]) -> Int[np.ndarray, " crystals"]:
    """Number of different elements of each structure."""
    return np.array([len(each.composition) for each in structures], dtype=int)


def wasserstein(
    sample: Float[np.ndarray, " crystals"] | Int[np.ndarray, " crystals"],
    reference: Float[np.ndarray, " references"] | Int[np.ndarray, " references"],
) -> float:
    """Earth mover's distance of two samples, in the unit of their values.

    Raises:
        ValueError: One of the samples is empty.

    >>> wasserstein(np.array([1.0, 2.0]), np.array([2.0, 3.0]))
    1.0
    """
    if len(sample) == 0 or len(reference) == 0:
        raise ValueError(f"empty sample: {len(sample)=}, {len(reference)=}")
    return float(wasserstein_distance(sample, reference))


def jensen_shannon(sample: Iterable[int], reference: Iterable[int]) -> float:
    """Jensen-Shannon divergence of two samples of categories, in bits, 0 to 1.

    Raises:
        ValueError: One of the samples is empty.

    >>> jensen_shannon([1, 1, 2, 2], [2, 1]), jensen_shannon([1], [2])
    (0.0, 1.0)
    """
    counts = Counter(sample), Counter(reference)
    if not (counts[0] and counts[1]):
        raise ValueError(
            f"empty sample: {counts[0].total()=}, {counts[1].total()=} categories"
        )
    categories = sorted(counts[0] | counts[1])
    first, second = (
        np.array([count[each] for each in categories]) / count.total()
        for count in counts
    )
    middle = (first + second) / 2
    divergence = entropy(first, middle, base=2) + entropy(second, middle, base=2)
    return float(min(max(divergence / 2, 0.0), 1.0))
