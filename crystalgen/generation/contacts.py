"""Distances inside a drawn crystal, against the limits learnt from training data."""

from functools import lru_cache

import numpy as np
from ase.data import covalent_radii
from jaxtyping import Bool, Float, Int

COVALENT_SHARE = 0.75
"""Limit of a pair of elements never seen together, as a share of the sum of radii."""
SLACK = 0.95
"""Share of a learnt limit that a drawn distance must reach."""
UNBONDED = {7: 2.0, 8: 2.05, 9: 1.95, 17: 2.8, 35: 2.9}
"""Å; N, O, F, Cl and Br atoms that are nearer to their like share a bond, as in
peroxides. Where the usual oxidation states cancel there is no electron for it: of the
training crystals of MP-20 with such a composition, none of 6,650 oxides, 973 chlorides,
1 of 1,872 fluorides, 1 of 607 bromides and 20 of 845 nitrides have one."""


def distance_limits(
    shortest: Float[np.ndarray, "species species"],
) -> Float[np.ndarray, "species species"]:
    """Smallest distance in Å that each pair of elements may have.

    Args:
        shortest: Learnt limits, 0 where a pair was never seen; there the sum of
            covalent radii (Cordero et al., 2008, by way of ase) stands in.
    """
    n_species = len(shortest)
    # where ase has no radius it says 0.2
    radii = np.where(covalent_radii > 0.2, covalent_radii, 1.5)[:n_species]
    radii = np.pad(radii, (0, n_species - len(radii)), constant_values=1.5)
    fallback = COVALENT_SHARE * (radii[:, None] + radii[None, :])
    return np.where(shortest > 0, SLACK * shortest, fallback)


def without_bonds_of_anions(
    limits: Float[np.ndarray, "species species"],
) -> Float[np.ndarray, "species species"]:
    """Limits for compositions whose usual oxidation states cancel, see `UNBONDED`.

    Args:
        limits: Smallest distance in Å that each pair of elements may have at all.
    """
    raised = limits.copy()
    for number, distance in UNBONDED.items():
        raised[number, number] = max(distance, limits[number, number])
    return raised


def are_contacts_sane(
    lattice: Float[np.ndarray, "3 3"],
    frac_coords: Float[np.ndarray, "atoms 3"],
    numbers: Int[np.ndarray, " atoms"],
    representative: Int[np.ndarray, " orbits"],
    limits: Float[np.ndarray, "species species"],
) -> bool:
    """Whether no two atoms, images included, are closer than their limit.

    Args:
        lattice: Rows are cell vectors in Å.
        frac_coords: Of all atoms in the cell.
        numbers: Atomic numbers.
        representative: One atom of each orbit; the others follow by symmetry.
        limits: Smallest distance of each pair of elements in Å.
    """
    of_pairs = limits[numbers[representative][:, None], numbers[None, :]]
    reach = float(of_pairs.max())
    heights = 1.0 / np.linalg.norm(np.linalg.inv(lattice), axis=0)
    spans = np.ceil(reach / heights).astype(int)
    if spans.max() > 12:
        return False
    shifts = _shifts(*spans.tolist())
    offset = frac_coords[None, :] - frac_coords[representative][:, None]
    offset -= np.rint(offset)
    cartesian = offset @ lattice
    images = cartesian[:, :, None] + shifts @ lattice
    squared = np.einsum("oaic,oaic->oai", images, images)
    is_self: Bool[np.ndarray, "orbits atoms 1"] = (
        representative[:, None] == np.arange(len(numbers))
    )[..., None] & (shifts == 0).all(axis=1)
    squared[is_self] = np.inf
    return bool((squared.min(axis=2) >= of_pairs**2).all())


@lru_cache(maxsize=256)
def _shifts(a: int, b: int, c: int) -> Float[np.ndarray, "images 3"]:
    """Lattice translations of all cells within reach."""
    ranges = [np.arange(-n, n + 1) for n in (a, b, c)]
    return np.stack(np.meshgrid(*ranges, indexing="ij"), axis=-1).reshape(-1, 3) * 1.0
