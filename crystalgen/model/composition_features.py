"""What compositions are made of and how dense they are, as numbers that add up.

So that choices among compositions can leave what a run is made of as it should be, see
`crystalgen.generation.selection`.
"""

from functools import lru_cache

import numpy as np
from jaxtyping import Float64, Int
from torch import Tensor

from crystalgen.model.batch import Templates
from crystalgen.model.tables import symmetry_tables
from crystalgen.representation.periodic_table import group_of, row_of

DENSITIES = np.log(2.0) * np.arange(0.0, 4.8, 0.3)
"""Logarithms of densities in g/cm³ between which crystals are interpolated."""


def features_of(
    templates: Templates,
    species: Int[Tensor, "compositions roles"],
    log_density: Float64[np.ndarray, " compositions"],
) -> Float64[np.ndarray, "compositions features"]:
    """Shares of the families of the periodic table, and where the density lies.

    The logarithm of the density stands among them for its mean, which many small
    differences in where densities lie would else shift.

    Args:
        templates: Groups, positions and roles.
        species: Atomic number of each role; 0 on padding.
        log_density: Natural logarithm of the density that is expected, g/cm³.

    Returns:
        Shares of the atoms, then weights of `DENSITIES`; either add up to 1. Last the
        logarithm of the density.
    """
    atoms = symmetry_tables().multiplicity[templates.position.cpu()].numpy()
    shares = atoms / atoms.sum(axis=1, keepdims=True)
    families = element_families()[species.gather(1, templates.role).cpu().numpy()]
    known = np.zeros((len(species), n_features() - len(DENSITIES) - 1))
    np.add.at(known, (np.arange(len(species))[:, None], families), shares)
    spacing = DENSITIES[1] - DENSITIES[0]
    within = np.clip(log_density, DENSITIES[0], DENSITIES[-1])
    distance = np.abs(within[:, None] - DENSITIES) / spacing
    weights = np.maximum(1.0 - distance, 0.0)
    return np.concatenate([known, weights, log_density[:, None]], axis=1)


def n_features() -> int:
    """Families of elements, places among densities, and the density itself."""
    return int(element_families().max()) + 1 + len(DENSITIES) + 1


@lru_cache(maxsize=1)
def element_families() -> Int[np.ndarray, " species"]:
    """Number of the family of each element: its block, its group and about its row.

    Returns:
        An array that is shared, and therefore cannot be written to.
    """
    names = [_family(number) for number in range(1, 119)]
    numbers = {name: place for place, name in enumerate(dict.fromkeys(names))}
    families = np.array([0, *(numbers[name] for name in names)])
    families.flags.writeable = False
    return families


def _family(number: int) -> tuple[int, int]:
    group, row = group_of(number), row_of(number)
    if 57 <= number <= 71 or 89 <= number <= 103:
        return 0, row
    if group <= 2:
        return group, 1 if row == 1 else 3 if row <= 3 else 4
    return group, min(row, 5 if group <= 12 else 4)
