"""Crystals that start from another usual geometry of their prototype.

The most likely geometry is that of the largest family of the prototype, as a rule. A
crystal that belongs to another family may not come to rest there, and its elements may
tell. Such crystals are started from other families, too (`crystalgen.model.families`),
and the best is taken.
"""

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Bool, Float64, Int
from torch import Tensor

from crystalgen.generation.relaxation import Relaxed, relax
from crystalgen.model.autoencoder import GenerativeNetworks
from crystalgen.model.batch import Templates
from crystalgen.model.cell import lattice_features, lattice_parameters
from crystalgen.symmetry.lattice import constrain
from crystalgen.symmetry.wyckoff import crystal_system

LIKELY = 0.5
"""Probability of the usual family from which on others are tried only for crystals that
do not come to rest."""
RESTLESS = 0.03
"""Å; crystals that move by more in their last step try further families."""
WORTH_TRYING = 0.1
"""Probability of a family from which on it is tried."""
USUAL = 0.6
"""Probability of the usual family of a relative."""
LEAST = 0.01
"""Probability that is added to that of every family: elements say only so much."""
PER_ANGSTROM = 40.0
"""What a last step of 1 Å costs, nats."""
DENSITY_SHARE = 0.2
"""Weight of the decoder's log-density, which takes coordinates for independent."""
LogDensity = Callable[
    [
        Int[np.ndarray, " geometries"],
        Float64[np.ndarray, "geometries orbits 3"],
        Float64[np.ndarray, "geometries 6"],
    ],
    Float64[np.ndarray, " geometries"],
]
"""Log-densities of geometries: rows of crystals, coordinates, lattice parameters."""


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


def family_odds(
    networks: GenerativeNetworks,
    templates: Templates,
    species: Int[Tensor, "crystals roles"],
) -> list[Float64[np.ndarray, " _"]]:
    """Log-probabilities of the families of each crystal, the usual one first.

    Args:
        networks: The trained networks.
        templates: Groups, positions and roles.
        species: Atomic number of each role; 0 on padding.
    """
    elements = networks.statistics.family_elements
    odds: list[Float64[np.ndarray, " _"]] = []
    for further, prototype, centre, of_roles in zip(
        families_of(networks, templates),
        templates.prototype.tolist(),
        templates.centre.tolist(),
        species.tolist(),
        strict=True,
    ):
        if elements is not None and further and prototype == centre:
            numbers = [number for number in of_roles if number]
            odds.append(elements.log_probabilities(prototype - 1, numbers))
        else:  # the families of a relative, or nothing is known of elements
            shares = [(1 - USUAL) / max(1, len(further))] * len(further)
            odds.append(np.log([USUAL, *shares]))
    return odds


def try_families(
    networks: GenerativeNetworks,
    templates: Templates,
    species: Int[Tensor, "crystals roles"],
    found: Relaxed,
    is_open: Bool[np.ndarray, " crystals"],
    log_density: LogDensity,
) -> Relaxed:
    """Start crystals that did not come to rest from further families, too.

    The same is done with crystals whose elements suggest another family. Taken is that
    which is most likely for the elements, leaves little to be done, and comes to what
    the decoder expects.

    Args:
        networks: The trained networks.
        templates: Groups, positions and roles.
        species: Atomic number of each role; 0 on padding.
        found: What the crystals are after the last step from the likely geometry.
        is_open: Those whose geometry is not given by codes.
        log_density: What the decoder makes of geometries.
    """
    odds = family_odds(networks, templates, species)
    pairs = _worth_trying(found, is_open, odds)
    if not pairs:
        return found
    tried = _from_families(networks, templates, species, found, pairs)
    before = sorted({row for row, _ in pairs})
    rows = np.array([*before, *(row for row, _ in pairs)])
    places = [0] * len(before) + [1 + which for _, which in pairs]
    candidates = Relaxed(
        *(
            np.concatenate([old[before], new])
            for old, new in zip(found, tried, strict=True)
        )
    )
    known = np.array([odds[row][at] for row, at in zip(rows, places, strict=True)])
    density = log_density(rows, candidates.coords, candidates.parameters)
    score = np.logaddexp(known, np.log(LEAST)) + DENSITY_SHARE * density
    return _best(found, rows, candidates, score - PER_ANGSTROM * candidates.unrest)


def _worth_trying(
    found: Relaxed,
    is_open: Bool[np.ndarray, " crystals"],
    odds: list[Float64[np.ndarray, " _"]],
) -> list[tuple[int, int]]:
    """Crystals and which of the further families of each to try."""
    usual = np.exp([each[0] for each in odds])
    is_asked = is_open & ((found.unrest > RESTLESS) | (usual <= LIKELY))
    return [
        (row, which)
        for row in np.flatnonzero(is_asked).tolist()
        for which, log_probability in enumerate(odds[row][1:])
        if log_probability > np.log(WORTH_TRYING)
    ]


def _from_families(
    networks: GenerativeNetworks,
    templates: Templates,
    species: Int[Tensor, "crystals roles"],
    found: Relaxed,
    pairs: list[tuple[int, int]],
) -> Relaxed:
    """Crystals brought to rest from families of theirs."""
    families = families_of(networks, templates)
    rows = np.array([row for row, _ in pairs])
    coords, parameters = found.coords[rows].copy(), found.parameters[rows].copy()
    for place, (row, which) in enumerate(pairs):
        family, group = families[row][which], int(templates.space_group[row])
        at, parameters[place] = in_family(
            networks, family, found.parameters[row], group
        )
        coords[place, : len(at)] = at
    chosen = torch.from_numpy(rows).to(species.device)
    return relax(networks, templates.rows(chosen), species[chosen], coords, parameters)


def _best(
    found: Relaxed,
    rows: Int[np.ndarray, " candidates"],
    candidates: Relaxed,
    score: Float64[np.ndarray, " candidates"],
) -> Relaxed:
    """The crystals with the best candidates in their rows; of equals, the first."""
    best: dict[int, int] = {}
    for place, row in enumerate(rows.tolist()):
        if row not in best or score[place] > score[best[row]]:
            best[row] = place
    of_rows, places = np.array(list(best)), np.array(list(best.values()))
    parts = [part.copy() for part in found]
    for part, of_candidates in zip(parts, candidates, strict=True):
        part[of_rows] = of_candidates[places]
    return Relaxed(*parts)
