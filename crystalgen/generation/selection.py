"""One composition for each draw of a block, so that the block stays what it was.

Taking the best composition for each draw alone would shift what a run is made of: it
would have fewer oxides, or be lighter, as good compositions are. So the draws of a
block choose together. What is minimised is

    Σ_r cost(r, k_r) + w/2 Σ_j (Σ_r f_j(r, k_r) − T_j)² / V_j

over the choices k_r, where the features f_j of a composition say how much of it belongs
to a family of the periodic table and how dense it will be, T_j is the mean of the sum
over all that was drawn, and V_j its variance if each draw chose at random. As T_j is a
mean over all compositions drawn, it scatters less than that of as many crystals drawn
one by one: this is stratified sampling by quotas, and a choice at no cost narrows the
scatter of a run, too.
"""

from functools import lru_cache

import numpy as np
from jaxtyping import Bool, Float64, Int
from torch import Tensor

from crystalgen.model.batch import Templates
from crystalgen.model.tables import symmetry_tables
from crystalgen.representation.periodic_table import group_of, row_of

LIKENESS = 2.0
"""Weight w of what is to stay as it was drawn; costs are of order 1."""
SWEEPS = 4
"""Times that each draw chooses anew at most, given what the others have chosen."""
LEAST_VARIANCE = 0.25
"""Is added to each V_j, in crystals squared (features are shares of crystals): families
too rare for that need not come out exactly."""
DENSITIES = np.log(2.0) * np.arange(0.0, 4.8, 0.3)
"""Logarithms of densities in g/cm³ between which crystals are interpolated."""


def choose_together(
    costs: Float64[np.ndarray, "draws choices"],
    features: Float64[np.ndarray, "draws choices features"],
    usual: Bool[np.ndarray, "draws choices"],
    chosen: Int[np.ndarray, " draws"],
    is_open: Bool[np.ndarray, " draws"],
    *,
    weight: float,
) -> Int[np.ndarray, " draws"]:
    """What each draw takes.

    Coordinate descent: one draw after the other takes what is best given the others.

    Args:
        costs: Of order 1, lower is better; infinite where it cannot be taken.
        features: What is to stay as it was, see `features_of`; there may be none.
        usual: What counts for how it was, at least one for each draw.
        chosen: Choice of each draw so far.
        is_open: Draws that may choose; the others keep what they have.
        weight: Of the features; 0 for the least cost of each draw alone.

    Returns:
        Number of the choice of each draw.
    """
    chosen = chosen.copy()
    rows = np.flatnonzero(is_open & np.isfinite(costs).any(axis=1))
    chosen[rows] = costs[rows].argmin(axis=1)
    if not weight or not features.size or not len(rows):
        return chosen
    share = usual / usual.sum(axis=1, keepdims=True)
    mean = np.einsum("rk,rkf->rf", share, features)
    variance = np.einsum("rk,rkf->f", share, (features - mean[:, None]) ** 2)
    scale = np.sqrt(0.5 * weight / (variance + LEAST_VARIANCE))
    scaled = features * scale
    everyone = np.arange(len(chosen))
    excess = (scaled[everyone, chosen] - mean * scale).sum(axis=0)
    for _ in range(SWEEPS):
        n_changed = 0
        for row in rows.tolist():
            others = excess - scaled[row, chosen[row]]
            after = others + scaled[row]
            best = int(np.argmin(costs[row] + np.einsum("kf,kf->k", after, after)))
            n_changed += best != chosen[row]
            chosen[row], excess = best, after[best]
        if not n_changed:
            break
    return chosen


def features_of(
    templates: Templates,
    species: Int[Tensor, "compositions roles"],
    log_density: Float64[np.ndarray, " compositions"],
) -> Float64[np.ndarray, "compositions features"]:
    """Shares of the families of the periodic table, and where the density lies.

    Args:
        templates: Groups, positions and roles.
        species: Atomic number of each role; 0 on padding.
        log_density: Natural logarithm of the density that is expected, g/cm³.

    Returns:
        Shares of the atoms, then weights of `DENSITIES`; either add up to 1.
    """
    atoms = symmetry_tables().multiplicity[templates.position.cpu()].numpy()
    shares = atoms / atoms.sum(axis=1, keepdims=True)
    families = element_families()[species.gather(1, templates.role).cpu().numpy()]
    known = np.zeros((len(species), element_families().max() + 1))
    np.add.at(known, (np.arange(len(species))[:, None], families), shares)
    spacing = DENSITIES[1] - DENSITIES[0]
    within = np.clip(log_density, DENSITIES[0], DENSITIES[-1])
    distance = np.abs(within[:, None] - DENSITIES) / spacing
    return np.concatenate([known, np.maximum(1.0 - distance, 0.0)], axis=1)


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
