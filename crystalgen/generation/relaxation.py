"""Brings decoded crystals to rest with the learnt relaxer, within their space groups.

A few steps of the relaxer (`crystalgen.model.relaxer`): each moves atoms along what is
free of their orbits and stretches the cell as its crystal system allows, until the next
one would hardly change anything. There is no energy and no force field in it; it
corrects the decoder as training crystals would have it, in some milliseconds per
crystal. How far the last step goes tells crystals that came to rest from those that did
not.
"""

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Float64, Int
from torch import Tensor

from crystalgen.model.atoms import (
    AtomBatch,
    Site,
    collate_atoms,
    lattices,
    list_atoms,
    pair_vectors,
)
from crystalgen.model.autoencoder import GenerativeNetworks
from crystalgen.model.batch import Templates
from crystalgen.model.bundles import CUTOFF
from crystalgen.model.cell import lattice_vectors
from crystalgen.model.motion import stepped
from crystalgen.model.relaxer import Change, Relaxer
from crystalgen.model.tables import symmetry_tables
from crystalgen.symmetry.lattice import constrain, lattice_matrix
from crystalgen.symmetry.wyckoff import crystal_system

MAX_STEPS = 9
"""Most steps of the relaxer from what was decoded; more mend little."""
OVERSHOOT = 1.4
"""How far a crystal goes that still has a long way to go after the first step, in terms
of what the relaxer says: it names the mean of what the crystal may be, which is nearer
than most of it (successive over-relaxation)."""
LONG_STEP = 0.05
"""Å; shorter steps are gone as they are."""
AT_REST = 0.015
"""Å; crystals that move by less in a step move no more."""
MAX_GROWTH = 0.4
"""Change of the logarithm of the volume beyond which a crystal is left as it was."""
STRAIN_LENGTH = 1.5
"""Å; how a strain weighs against a shift in what is left at the end."""
MIN_VOLUME = 3.0
"""Å^3 per atom; denser cells are beyond repair and left as they are."""
MIN_SPACING = 1.0
"""Å between lattice planes; the same of flatter cells."""


class Relaxed(NamedTuple):
    """Crystals after the last step.

    Attributes:
        coords: Free coordinates in [0, 1).
        parameters: a, b, c in Å, alpha, beta, gamma in degrees.
        unrest: How far the last step went, Å: the longest shift of an atom, or the
            strain times `STRAIN_LENGTH` if that is more. Infinite where steps led
            nowhere and the crystal was left as it was; 0 without a relaxer.
    """

    coords: Float64[np.ndarray, "crystals orbits 3"]
    parameters: Float64[np.ndarray, "crystals 6"]
    unrest: Float64[np.ndarray, " crystals"]


def relax(
    networks: GenerativeNetworks,
    templates: Templates,
    species: Int[Tensor, "crystals roles"],
    coords: Float64[np.ndarray, "crystals orbits 3"],
    parameters: Float64[np.ndarray, "crystals 6"],
    *,
    max_steps: int = MAX_STEPS,
) -> Relaxed:
    """Bring crystals to rest.

    Args:
        networks: With or without a relaxer; without one, nothing changes.
        templates: Groups, positions and roles.
        species: Atomic number of each role; 0 on padding.
        coords: Free coordinates before.
        parameters: Lattice parameters before.
        max_steps: Most steps of the relaxer.
    """
    if networks.relaxer is None:
        return Relaxed(coords, parameters, np.zeros(len(coords)))
    unrest = np.full(len(coords), np.inf)
    rows = np.flatnonzero(_can_relax(templates, parameters))
    if not len(rows):
        return Relaxed(coords, parameters, unrest)
    some = templates.rows(torch.from_numpy(rows).to(species.device))
    wyckoff = symmetry_tables().letter[some.position.cpu()].tolist()
    groups = some.space_group.tolist()
    n_orbits = some.present.sum(dim=1).tolist()
    of_orbit = species[torch.from_numpy(rows).to(species.device)].gather(1, some.role)
    coords, parameters = coords.copy(), parameters.copy()
    sites: list[Site] = [
        (group, tuple(letters[:count]), coords[row, :count], parameters[row])
        for group, letters, count, row in zip(
            groups, wyckoff, n_orbits, rows, strict=True
        )
    ]
    lengths = np.full(len(rows), np.inf)
    moving = np.arange(len(rows))
    for number in range(max_steps):
        before = lengths[moving]
        chosen = torch.from_numpy(moving).to(species.device)
        moved, lengths[moving] = _step(
            networks.relaxer,
            [sites[place] for place in moving],
            of_orbit[chosen][some.present[chosen]],
            overshoot=OVERSHOOT if number else 1.0,
        )
        for place, site in zip(moving.tolist(), moved, strict=True):
            sites[place] = site
        # steps go on to shorten as they did; a short one that is to come is not gone
        after = lengths[moving] * np.minimum(lengths[moving] / before, 1.0)
        is_last = (lengths[moving] <= AT_REST) | ((number > 0) & (after <= AT_REST))
        lengths[moving] = np.where(is_last & (number > 0), after, lengths[moving])
        moving = moving[~is_last]
        if not len(moving):
            break
    for row, count, (_, _, at, cell), length in zip(
        rows, n_orbits, sites, lengths, strict=True
    ):
        if not _is_near(parameters[row], cell):
            continue
        unrest[row] = length
        coords[row, :count] = np.minimum(at - np.floor(at), 1 - 2**-24)
        parameters[row] = cell
    return Relaxed(coords, parameters, unrest)


def _step(
    relaxer: Relaxer,
    sites: list[Site],
    species: Int[Tensor, " orbits"],
    *,
    overshoot: float,
) -> tuple[list[Site], Float64[np.ndarray, " crystals"]]:
    """Move every crystal once; also tell how far each wanted to move, Å."""
    table = list_atoms(sites, radius=CUTOFF)
    atoms = collate_atoms(table, np.arange(len(sites))).to(species.device)
    coords = torch.from_numpy(np.concatenate([site[2] for site in sites]))
    cells = torch.from_numpy(np.array([site[3] for site in sites]))
    coords, lattice = coords.to(species.device), cells.to(species.device)
    lattice = lattices(atoms, lattice)
    vectors = pair_vectors(atoms, coords.float(), lattice.float())
    change = relaxer(species, atoms, vectors)
    lengths = _lengths(atoms, change)
    times = torch.where(lengths > LONG_STEP, overshoot, 1.0)
    longer = Change(
        shift=change.shift * times[atoms.crystal, None],
        strain=change.strain * times[:, None, None],
    )
    moved, cells = (
        each.cpu().numpy() for each in stepped(atoms, coords, lattice, longer)
    )
    starts = table.orbit_offsets
    after: list[Site] = [
        (
            site[0],
            site[1],
            moved[starts[row] : starts[row + 1]],
            constrain(cells[row], crystal_system(site[0])),
        )
        for row, site in enumerate(sites)
    ]
    return after, lengths.double().cpu().numpy()


def _lengths(atoms: AtomBatch, change: Change) -> Float[Tensor, " crystals"]:
    """The longest shift of each crystal, or its strain as a length."""
    # what symmetry forbids is no part of the step
    shift = change.shift.norm(dim=1) * atoms.free.any(dim=1)
    strain = STRAIN_LENGTH * change.strain.flatten(1).norm(dim=1)
    return strain.scatter_reduce(0, atoms.crystal, shift, "amax")


def _is_near(before: Float64[np.ndarray, "6"], after: Float64[np.ndarray, "6"]) -> bool:
    """Whether a cell has about the volume that it had."""
    volumes = np.linalg.det([lattice_matrix(before), lattice_matrix(after)])
    return bool(abs(np.log(volumes[1] / volumes[0])) <= MAX_GROWTH)


def _can_relax(
    templates: Templates, parameters: Float64[np.ndarray, "crystals 6"]
) -> Bool[np.ndarray, " crystals"]:
    """Whether cells are those of crystals, more or less."""
    lattice = lattice_vectors(torch.from_numpy(parameters))
    volume = torch.linalg.det(lattice).numpy()
    tables = symmetry_tables()
    n_atoms = tables.multiplicity[templates.position.cpu()].sum(dim=1).numpy()
    spacing = 1 / torch.linalg.inv(lattice).norm(dim=1).amax(dim=1).numpy()
    return (volume > MIN_VOLUME * n_atoms) & (spacing > MIN_SPACING)
