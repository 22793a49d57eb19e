"""Crystals that start from another usual geometry of their prototype.

The most likely geometry is that of the largest family of the prototype, as a rule. A
crystal that belongs to another family does not come to rest there, so those that do not
are started from the other families, too (`crystalgen.model.families`), and the family
is taken in which the relaxer leaves much less to be done.
"""

import numpy as np
import torch
from jaxtyping import Bool, Float64, Int
from torch import Tensor

from crystalgen.generation.relaxation import AT_REST, Relaxed, relax
from crystalgen.model.autoencoder import GenerativeNetworks
from crystalgen.model.batch import Templates
from crystalgen.model.cell import lattice_features, lattice_parameters
from crystalgen.symmetry.lattice import constrain
from crystalgen.symmetry.wyckoff import crystal_system

MUCH_NEARER = 0.5
"""What is left to be done in a family that is taken, relative to before."""


def families_of(networks: GenerativeNetworks, templates: Templates) -> list[range]:
    """Numbers of the further families of each prototype, or of its relative."""
    families = networks.statistics.families
    rows = (templates.centre - 1).tolist()
    return [families.of(row) if families and row >= 0 else range(0) for row in rows]


def in_family(
    networks: GenerativeNetworks,
    family: int,
    parameters: Float64[np.ndarray, " 6"],
    space_group: int,
) -> tuple[Float64[np.ndarray, "orbits 3"], Float64[np.ndarray, " 6"]]:
    """Coordinates and cell of a family, the volume being that of another cell.

    Args:
        networks: With families.
        family: Its number.
        parameters: a, b, c in Å, alpha, beta, gamma in degrees of the other cell.
        space_group: Of the prototype.

    Returns:
        Free coordinates in [0, 1); a, b, c in Å, alpha, beta, gamma in degrees.

    Raises:
        ValueError: The networks have no families.
    """
    if networks.statistics.families is None:
        raise ValueError("these weights have no families")
    coords, features = networks.statistics.families.geometry(family)
    one = torch.ones(1, dtype=torch.float64)
    cell = lattice_features(torch.from_numpy(parameters)[None], one)
    cell[0, 1:] = torch.from_numpy(features)
    found = lattice_parameters(cell, one)[0].numpy()
    return coords, constrain(found, crystal_system(space_group))


def try_families(
    networks: GenerativeNetworks,
    templates: Templates,
    species: Int[Tensor, "crystals roles"],
    found: Relaxed,
    is_open: Bool[np.ndarray, " crystals"],
) -> Relaxed:
    """Start crystals that did not come to rest from further families, too.

    Args:
        networks: The trained networks.
        templates: Groups, positions and roles.
        species: Atomic number of each role; 0 on padding.
        found: What the crystals are after the last step from the likely geometry.
        is_open: Those whose geometry is not given by codes.
    """
    restless = np.flatnonzero(is_open & (found.unrest > AT_REST))
    families = families_of(networks, templates.rows(torch.from_numpy(restless)))
    pairs = [
        (row, family)
        for row, each in zip(restless.tolist(), families, strict=True)
        for family in each
    ]
    if not pairs:
        return found
    rows = np.array([row for row, _ in pairs])
    coords, parameters = found.coords[rows].copy(), found.parameters[rows].copy()
    for place, (row, family) in enumerate(pairs):
        at, parameters[place] = in_family(
            networks, family, found.parameters[row], int(templates.space_group[row])
        )
        coords[place, : len(at)] = at
    chosen = torch.from_numpy(rows).to(species.device)
    tried = relax(networks, templates.rows(chosen), species[chosen], coords, parameters)
    coords, parameters, unrest = (part.copy() for part in found)
    for place, row in enumerate(rows.tolist()):
        if tried.unrest[place] < min(unrest[row], MUCH_NEARER * found.unrest[row]):
            coords[row], parameters[row] = tried.coords[place], tried.parameters[place]
            unrest[row] = tried.unrest[place]
    return Relaxed(coords, parameters, unrest)
