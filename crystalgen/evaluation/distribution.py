"""Distances between the distributions of two sets of crystals.

The Wasserstein distance of densities and of element counts, as introduced for
crystals by CDVAE (Xie et al., ICLR 2022).
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int
from pymatgen.core import Structure
from scipy.stats import wasserstein_distance


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
