"""Codes that spell a given crystal, found by decoding.

The encoder names the most probable codes at a glance, and of one crystal in ten they
spell another structure. So codes are drawn from what the encoder holds possible,
decoded and compared with the crystal; the nearest are kept, and in the next round some
of them are drawn again. A guess that is refined by decoding is semi-amortized inference
(Kim et al., 2018, arXiv:1802.02550); here it is a search, because codes are discrete.
Nothing but the crystal itself and the networks is consulted.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Float64, Int
from torch import Tensor

from crystalgen.generation.decoding import decode_geometry
from crystalgen.generation.relaxation import STRAIN_LENGTH
from crystalgen.generation.weights import Weights
from crystalgen.model.atoms import AtomBatch, Site, collate_atoms, list_atoms
from crystalgen.model.batch import Templates
from crystalgen.model.motion import change_between
from crystalgen.representation.crystal import SymmetricCrystal

SEARCH_ROUNDS = 6
"""Rounds of draws; more are of little use."""
N_DRAWN = 16
"""Codes drawn for each crystal in each round."""
CHANGED = (1.0, 0.3, 0.5, 1.0, 0.15, 0.3)
"""Share of the codes that are drawn in each round; the others are the best so far."""
NEAR = 0.3
"""Å; what is decoded so near to a crystal is taken for it, and the search ends."""
BATCH = 256
"""Codes decoded together."""
_SEED = 0
_RADIUS = 0.5
"""Å; no pair of atoms is asked for, only the atoms."""


class GeometryCodes(NamedTuple):
    """Geometry codes of a batch."""

    orbits: Int[Tensor, "crystals orbits codes"]
    crystals: Int[Tensor, "crystals codes"]

    def rows(self, indices: Int[Tensor, " rows"]) -> "GeometryCodes":
        """Some of them."""
        return GeometryCodes(*(each[indices] for each in self))


class CodeOdds(NamedTuple):
    """What the encoder holds possible: log-probabilities."""

    orbits: Float[Tensor, "crystals orbits codes entries"]
    crystals: Float[Tensor, "crystals codes entries"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """Crystals whose codes are sought.

    Attributes:
        crystals: The crystals.
        templates: Their groups, positions and roles.
        species: Atomic number of each role; 0 on padding.
    """

    crystals: Sequence[SymmetricCrystal]
    templates: Templates
    species: Int[Tensor, "crystals roles"]


def nearest_codes(
    weights: Weights,
    sought: Sought,
    odds: CodeOdds,
    first: GeometryCodes,
    *,
    rounds: int = SEARCH_ROUNDS,
) -> GeometryCodes:
    """Codes that are decoded nearest to crystals, of some that are tried.

    A crystal's codes do not depend on those that it is searched with.

    Args:
        weights: Decode.
        sought: The crystals.
        odds: From the encoder.
        first: Where to begin; nothing farther from the crystals is returned.
        rounds: Of the search, of which each tries `N_DRAWN` codes of the crystals that
            are not yet near.
    """
    best = GeometryCodes(*(each.clone() for each in first))
    everything = torch.arange(len(sought.crystals))
    error = _errors(weights, sought, everything, best) if rounds else np.zeros(0)
    coded = weights.networks.coded_orbits(sought.templates)[..., None]
    for number in range(rounds):
        rows = np.flatnonzero(error > NEAR)
        if not len(rows):
            break
        repeated = torch.from_numpy(rows.repeat(N_DRAWN))
        on_device = repeated.to(coded.device)
        tried = _drawn(odds, best.rows(on_device), on_device, number)
        tried = tried._replace(orbits=tried.orbits * coded[on_device])
        errors = _errors(weights, sought, repeated, tried).reshape(-1, N_DRAWN)
        place = errors.argmin(axis=1)
        smallest = errors[np.arange(len(rows)), place]
        found = np.flatnonzero(smallest < error[rows])
        error[rows[found]] = smallest[found]
        chosen = torch.from_numpy(found * N_DRAWN + place[found]).to(coded.device)
        for kept, new in zip(best, tried.rows(chosen), strict=True):
            kept[torch.from_numpy(rows[found]).to(coded.device)] = new
    return best


def _drawn(
    odds: CodeOdds, best: GeometryCodes, rows: Int[Tensor, " tries"], number: int
) -> GeometryCodes:
    """Codes tried for ``rows`` in one round, `N_DRAWN` for each crystal in turn.

    Args:
        odds: Of all crystals.
        best: Codes so far, of the rows.
        rows: Crystals, each `N_DRAWN` times.
        number: Of the round.
    """
    # the cell comes first, and then the orbits, however many others have
    cell = _changed(odds.crystals[rows][:, None], best.crystals[:, None], number, 0)
    orbits = _changed(odds.orbits[rows], best.orbits, number, 1)
    return GeometryCodes(orbits=orbits, crystals=cell[:, 0])


def _changed(
    logits: Float[Tensor, "tries tokens codes entries"],
    best: Int[Tensor, "tries tokens codes"],
    number: int,
    first: int,
) -> Int[Tensor, "tries tokens codes"]:
    """Draw some of the codes anew; each token has noise of its own."""
    n_tries, n_tokens, *shape = logits.shape
    noise, luck = [], []
    for token in range(first, first + n_tokens):
        generator = np.random.default_rng((_SEED, number, token))
        noise.append(generator.gumbel(size=(N_DRAWN, *shape)).astype(np.float32))
        luck.append(generator.random(size=(N_DRAWN, shape[0]), dtype=np.float32))
    draw = torch.arange(n_tries, device=logits.device) % N_DRAWN
    gumbel = torch.from_numpy(np.stack(noise, axis=1)).to(logits.device)
    is_new = torch.from_numpy(np.stack(luck, axis=1) < CHANGED[number % len(CHANGED)])
    new = (logits + gumbel[draw]).argmax(dim=-1)
    return torch.where(is_new.to(logits.device)[draw], new, best)


def _errors(
    weights: Weights, sought: Sought, rows: Int[Tensor, " tries"], codes: GeometryCodes
) -> Float64[np.ndarray, " tries"]:
    """How far from its crystal what is decoded from codes is, Å.

    Args:
        weights: Decode.
        sought: The crystals.
        rows: Which crystal each of the codes is meant for.
        codes: To be decoded.
    """
    found: list[Float64[np.ndarray, " tries"]] = []
    for start in range(0, len(rows), BATCH):
        some = rows[start : start + BATCH]
        on_device = some.to(sought.species.device)
        decoded = decode_geometry(
            weights.networks,
            sought.templates.rows(on_device),
            sought.species[on_device],
            codes.orbits[start : start + BATCH],
            codes.crystals[start : start + BATCH],
        )
        found.append(
            distances(
                [sought.crystals[row] for row in some.tolist()],
                decoded.coords,
                decoded.parameters,
            )
        )
    return np.concatenate(found)


def distances(
    crystals: Sequence[SymmetricCrystal],
    coords: Float64[np.ndarray, "crystals orbits 3"],
    parameters: Float64[np.ndarray, "crystals 6"],
) -> Float64[np.ndarray, " crystals"]:
    """Root mean square shift of the atoms, and the strain times `STRAIN_LENGTH`, Å.

    Infinite for a cell that does not close. Other settings of a crystal, as with
    another origin, count as other crystals.

    Args:
        crystals: From where.
        coords: Free coordinates to compare.
        parameters: Lattice parameters to compare; Å, degrees.
    """
    sites: list[Site] = [
        (each.space_group, each.wyckoff, each.free_coords, each.lattice_parameters)
        for each in crystals
    ]
    table = list_atoms(sites, radius=_RADIUS)
    atoms: AtomBatch = collate_atoms(table, np.arange(len(sites)))
    before = torch.from_numpy(np.concatenate([site[2] for site in sites]))
    after = torch.from_numpy(
        np.concatenate(
            [moved[: len(site[1])] for moved, site in zip(coords, sites, strict=True)]
        )
    )
    step = after - before
    cells = torch.from_numpy(np.array([site[3] for site in sites]))
    change = change_between(
        atoms,
        before,
        cells,
        before + step - step.round(),
        torch.from_numpy(parameters),
    )
    size = atoms.size.to(before.dtype)
    n_atoms = size.new_zeros(len(sites)).index_add(0, atoms.crystal, size)
    squares = size.new_zeros(len(sites)).index_add(
        0, atoms.crystal, change.shift.square().sum(dim=1) * size
    )
    strain = STRAIN_LENGTH * change.strain.flatten(1).norm(dim=1)
    total = (squares / n_atoms).sqrt() + strain
    return torch.nan_to_num(total, nan=np.inf).numpy()
