"""A round of geometries: the most likely one and others for each row with species."""

from collections.abc import Mapping
from dataclasses import fields, replace

import numpy as np
import torch
from jaxtyping import Bool, Int

from crystalgen.generation.block import Block, Row, attempts_of
from crystalgen.generation.candidate import Candidate, Codes
from crystalgen.generation.checks import fault_of
from crystalgen.generation.decoding import GeometryDraw, assemble, draw_geometry
from crystalgen.generation.expectation import Expectation, expectation
from crystalgen.generation.noise import Purpose, row_noise, row_uniform
from crystalgen.generation.scattering import NOISE_SHAPE, scatter_geometry
from crystalgen.generation.separation import separate
from crystalgen.model.batch import Templates
from crystalgen.representation.crystal import SymmetricCrystal

GEOMETRIES_DRAWN = (1, 2, 3, 3, 3)
"""Geometries drawn for each row in each round."""
MAX_UNREST = 0.1
"""Å; crystals farther from rest are drawn again: their elements do not fit."""
REST_ROUNDS = 2
"""Rounds after which the crystal nearest to rest is taken, however far it is."""


def choose_geometry(block: Block, rows: list[Row], number: int) -> None:
    """Draw geometries for the rows with species; take the first without a fault.

    The most likely geometry comes first. Others are drawn for those alone that it does
    not do for.
    """
    ready = np.flatnonzero(
        [row.composition is not None and not row.is_done for row in rows]
    )
    if not len(ready):
        return
    attempts = attempts_of(block, GEOMETRIES_DRAWN, number)
    is_coded = np.arange(len(attempts)) + np.zeros((len(ready), 1)) > 0
    is_coded[:, 0] = [
        block.vary_geometry or not _is_first(block, rows[index]) for index in ready
    ]
    is_last = number == block.rounds - 1
    tight: dict[int, Candidate] = {}
    left, done = np.arange(len(ready)), 0
    while len(left) and done < len(attempts):
        ahead = len(attempts) - 1 if done else 1
        now = slice(done, done + ahead)
        drawn = _geometry(
            block,
            ready[left].repeat(ahead),
            rows,
            np.tile(attempts[now], len(left)),
            torch.from_numpy(is_coded[left, now].ravel()),
        )
        for which, place in enumerate(left.tolist()):
            index = int(ready[place])
            for at in range(which * ahead, (which + 1) * ahead):
                _take_geometry(block, index, rows[index], drawn, at)
                _ask_for_stability(block, rows[index])
                _ask_for_rest(block, rows[index], number, drawn.unrest[at])
                _note_fault(index, rows[index], tight, is_last=is_last)
                if not rows[index].fault:
                    break
        left = left[[bool(rows[ready[place]].fault) for place in left]]
        done += ahead
    if block.rounds > 1:
        still = ready[left].tolist()
        crowded = {index: tight[index] for index in still if index in tight}
        _separate(block, rows, crowded, number)
    for index in ready.tolist():
        _end_round(rows[index], number, is_last=is_last)


def _note_fault(
    index: int, row: Row, tight: dict[int, Candidate], *, is_last: bool
) -> None:
    """Count a fault, and remember the first crystal whose atoms are too close."""
    if row.fault == "distance" and row.candidate is not None:
        tight.setdefault(index, row.candidate)
    if row.fault and not is_last:
        row.redrawn[row.fault] += 1


def _end_round(row: Row, number: int, *, is_last: bool) -> None:
    """Take a crystal that is not at rest if it is late; else ask for other species."""
    if row.fault and row.restless and number + 1 >= REST_ROUNDS:
        row.candidate, row.fault = row.restless, ""
    if row.fault and not is_last:
        row.composition = None


def _ask_for_rest(block: Block, row: Row, number: int, unrest: float) -> None:
    """Count a crystal that did not come to rest as faulty, but remember the best."""
    is_asked = block.can_rest and number < REST_ROUNDS
    if row.fault or not is_asked or unrest <= MAX_UNREST:
        return
    if unrest < row.unrest or row.restless is None:
        row.restless, row.unrest = row.candidate, unrest
    row.fault = "unrest"


def _ask_for_stability(block: Block, row: Row) -> None:
    """Count a crystal that is less likely stable than was asked for as faulty."""
    if row.fault or row.candidate is None or not block.min_stability:
        return
    expected = row.candidate.expected
    if not expected or (expected.stability or 0.0) < block.min_stability:
        row.fault = "stability"


def _is_first(block: Block, row: Row) -> bool:
    """Whether a row has its species for the first time, as far as this can matter.

    Under constraints species often come again; their most likely geometry has failed.
    """
    if block.constraints is None or row.composition is None:
        return True
    is_first = row.composition.roles not in row.tried
    row.tried.add(row.composition.roles)
    return is_first


def _separate(
    block: Block, rows: list[Row], crowded: Mapping[int, Candidate], number: int
) -> None:
    """Move the atoms of crowded crystals apart; take those that then pass."""
    if not crowded:
        return
    tight = [candidate.crystal for candidate in crowded.values()]
    roomy = separate(tight, [block.weights.limits_of(each) for each in tight])
    for (index, candidate), crystal in zip(crowded.items(), roomy, strict=True):
        if not _fault(block, crystal):
            row = rows[index]
            expected = _expected(block, row, np.inf)
            row.candidate = replace(candidate, crystal=crystal, expected=expected)
            row.fault = ""
            _ask_for_stability(block, row)
            _ask_for_rest(block, row, number, np.inf)


def _geometry(
    block: Block,
    indices: Int[np.ndarray, " rows"],
    rows: list[Row],
    attempts: Int[np.ndarray, " rows"],
    is_coded: Bool[torch.Tensor, " rows"],
) -> GeometryDraw:
    weights = block.weights
    some: Templates = block.templates.rows(indices).to(weights.device)
    n_roles = int(some.role.max()) + 1
    species = torch.zeros(len(indices), n_roles, dtype=torch.long)
    for place, index in enumerate(indices.tolist()):
        composition = rows[index].composition
        roles = composition.roles if composition else ()
        species[place, : len(roles)] = torch.tensor(roles)
    n_tokens = 1 + int(weights.networks.coded_orbits(some).sum(dim=1).max())
    draws = block.templates.draws[indices]
    noise = row_noise(
        block.seed,
        draws,
        (n_tokens, *weights.config.geometry_codes),
        attempt=attempts,
        purpose=Purpose.GEOMETRY,
    )
    species = species.to(weights.device)
    drawn = draw_geometry(
        weights.networks,
        some,
        species,
        noise.to(weights.device),
        temperature=block.temperature,
        is_coded=is_coded.to(weights.device),
        guidance=block.templates.guidance_of(indices, weights.device),
    )
    # crystals of one element are told apart by their codes, cells and all
    is_asked = block.vary_geometry and not weights.has_one_element
    if not (is_asked and weights.networks.relaxer):
        return drawn
    is_scattered = is_coded.numpy() & ((draws + attempts) % 2 == 1)
    return _with_scattered(
        block, np.flatnonzero(is_scattered), drawn, some, species, draws, attempts
    )


def _with_scattered(
    block: Block,
    rows: Int[np.ndarray, " some"],
    drawn: GeometryDraw,
    templates: Templates,
    species: Int[torch.Tensor, "rows roles"],
    draws: Int[np.ndarray, " rows"],
    attempts: Int[np.ndarray, " rows"],
) -> GeometryDraw:
    """Put geometries from random coordinates in the place of some."""
    if not len(rows):
        return drawn
    chosen = torch.from_numpy(rows).to(species.device)
    scattered = scatter_geometry(
        block.weights.networks,
        templates.rows(chosen),
        species[chosen],
        row_uniform(
            block.seed,
            draws[rows],
            (1 + templates.position.shape[1], *NOISE_SHAPE),
            attempt=attempts[rows],
            purpose=Purpose.GEOMETRY,
        ),
        block.weights.distance_limits,
    )
    for field in fields(GeometryDraw):
        each = getattr(drawn, field.name)
        is_tensor = isinstance(each, torch.Tensor)
        each[chosen if is_tensor else rows] = getattr(scattered, field.name)
    return drawn


def _fault(block: Block, crystal: SymmetricCrystal) -> str:
    return fault_of(crystal, block.weights, is_group_asked=block.is_group_asked)


def _take_geometry(
    block: Block, index: int, row: Row, drawn: GeometryDraw, place: int
) -> None:
    """Build the crystal of a row and note what is wrong with it."""
    composition = row.composition
    if composition is None:
        return
    prototype = block.templates.prototypes[index]
    n_orbits = len(prototype.wyckoff)
    crystal = assemble(
        prototype,
        composition.roles,
        drawn.coords[place],
        drawn.lattice_parameters[place],
    )
    row.fault = composition.fault or _fault(block, crystal)
    row.candidate = Candidate(
        index=int(block.templates.draws[index]),
        crystal=crystal,
        codes=Codes(
            crystal=tuple(drawn.crystal_codes[place].tolist()),
            roles=composition.codes,
            orbits=tuple(map(tuple, drawn.orbit_codes[place, :n_orbits].tolist())),
        ),
        log_prob=float(block.templates.log_prob[index])
        + composition.log_prob
        + float(drawn.log_prob[place]),
        is_neutral=composition.is_neutral,
        expected=_expected(block, row, float(drawn.unrest[place])),
    )


def _expected(block: Block, row: Row, unrest: float) -> Expectation | None:
    """What to expect of a row's composition in a geometry this far from rest, Å."""
    critic = block.weights.networks.critic
    scores = row.composition.scores if row.composition else None
    if critic is None or scores is None:
        return None
    return expectation(critic, scores, unrest)
