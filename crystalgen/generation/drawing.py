"""One block of draws, from templates to checked crystals.

A draw keeps its template, and with it the space group, over all rounds; only species
and geometry are drawn again when a check fails, so checks do not favour some groups.
Nor do they favour metals, whose charges need no balance: a draw that began with metals
alone ends with metals, any other with something else, as far as it can. Each round
draws more species and geometries for the rows that are left, so that few rounds are
needed and each is a batch worth computing.
"""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Bool, Int

from crystalgen.generation.candidate import Candidate, Codes
from crystalgen.generation.checks import fault_of
from crystalgen.generation.composition import Composition, composition_of
from crystalgen.generation.decoding import GeometryDraw, assemble, draw_geometry
from crystalgen.generation.noise import Purpose, row_noise
from crystalgen.generation.template_draw import TemplateDraw
from crystalgen.generation.weights import Weights
from crystalgen.model.batch import Templates
from crystalgen.model.draws import SpeciesDraw, draw_species
from crystalgen.model.embedding import N_SPECIES

DRAWS_PER_BLOCK = 128
"""Draws computed together. Fixed: the last bits of a sum depend on the batch."""
ROUNDS = 5
"""Rounds after which a template is given up."""
SPECIES_DRAWN = (1, 3, 6, 6, 6)
"""Compositions drawn for each row in each round."""
GEOMETRIES_DRAWN = (1, 2, 3, 3, 3)
"""Geometries drawn for each row in each round."""
CLASS_ROUNDS = 4
"""Rounds in which metals stay metals, and other compounds what they are."""


@dataclass(slots=True, kw_only=True)
class _Row:
    """Progress of one draw."""

    composition: Composition | None = None
    is_metal: bool = False
    candidate: Candidate | None = None
    fault: str = ""
    redrawn: Counter[str] = field(default_factory=Counter)

    @property
    def is_done(self) -> bool:
        return self.candidate is not None and not self.fault


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one draw.

    Attributes:
        candidate: The crystal of the last round; None if it has no geometry at all.
        fault: The check that it failed; empty for a valid crystal.
        redrawn: Why draws before it were repeated.
    """

    candidate: Candidate | None
    fault: str
    redrawn: Counter[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Block:
    """What all draws of a block share."""

    weights: Weights
    templates: TemplateDraw
    seed: int
    temperature: float
    rounds: int
    renewal: int
    allow_known: bool
    vary_geometry: bool


@torch.inference_mode()
def draw_block(
    weights: Weights,
    templates: TemplateDraw,
    *,
    seed: int,
    temperature: float,
    rounds: int,
    renewal: int = 0,
    allow_known: bool,
    vary_geometry: bool = False,
) -> list[Outcome]:
    """Draw crystals for given templates.

    Args:
        weights: Trained networks.
        templates: One for each draw.
        seed: Of the run.
        temperature: Of the discrete draws.
        rounds: Rounds of drawing, at most `ROUNDS`. With 1, the first draw of the model
            is taken as it is, and its faults are only reported.
        renewal: Times that these draws have had other templates before.
        allow_known: Take crystals with the group, positions and elements of a
            training crystal for as good as others.
        vary_geometry: Draw the first geometry, too, rather than take the most likely.

    Returns:
        One outcome for each template.
    """
    rows = [_Row() for _ in templates.draws]
    block = _Block(
        weights=weights,
        templates=templates,
        seed=seed,
        temperature=temperature,
        rounds=rounds,
        renewal=renewal,
        allow_known=allow_known,
        vary_geometry=vary_geometry,
    )
    for number in range(rounds):
        _choose_species(block, rows, number)
        _choose_geometry(block, rows, number)
        if all(row.is_done for row in rows):
            break
    return [
        Outcome(candidate=row.candidate, fault=row.fault, redrawn=row.redrawn)
        for row in rows
    ]


def _choose_species(block: _Block, rows: list[_Row], number: int) -> None:
    """Draw species for the rows without; take the first that are new and neutral."""
    waiting = np.flatnonzero([row.composition is None for row in rows])
    if not len(waiting):
        return
    n_drawn = SPECIES_DRAWN[number]
    attempts = np.tile(_attempts(block, SPECIES_DRAWN, number), len(waiting))
    drawn = _species(block, waiting.repeat(n_drawn), attempts)
    is_last = number == block.rounds - 1
    for start, index in zip(
        range(0, len(attempts), n_drawn), waiting.tolist(), strict=True
    ):
        row = rows[index]
        for place in range(start, start + n_drawn):
            one = composition_of(
                block.weights,
                block.templates.prototypes[index],
                drawn,
                place,
                allow_known=block.allow_known,
            )
            if number == 0:
                row.is_metal = one.is_metal
            is_unlike = one.is_metal != row.is_metal and number < CLASS_ROUNDS
            fault = one.fault or ("class" if is_unlike else "")
            if not fault or (is_last and place == start + n_drawn - 1):
                row.composition = one
                break
            row.redrawn[fault] += 1


def _choose_geometry(block: _Block, rows: list[_Row], number: int) -> None:
    """Draw geometries for the rows with species; take the first without a fault."""
    ready = np.flatnonzero(
        [row.composition is not None and not row.is_done for row in rows]
    )
    if not len(ready):
        return
    n_drawn = GEOMETRIES_DRAWN[number]
    attempts = np.tile(_attempts(block, GEOMETRIES_DRAWN, number), len(ready))
    # the most likely geometry first, then others
    first = 0 if block.vary_geometry else 1
    is_coded = torch.arange(len(attempts)) % n_drawn >= first
    drawn = _geometry(block, ready.repeat(n_drawn), rows, attempts, is_coded)
    is_last = number == block.rounds - 1
    for start, index in zip(
        range(0, len(attempts), n_drawn), ready.tolist(), strict=True
    ):
        row = rows[index]
        for place in range(start, start + n_drawn):
            _take_geometry(block, index, row, drawn, place)
            if not row.fault:
                break
            if not is_last:
                row.redrawn[row.fault] += 1
        if row.fault and not is_last:
            row.composition = None


def _attempts(
    block: _Block, drawn: tuple[int, ...], number: int
) -> Int[np.ndarray, " attempts"]:
    """Numbers of the draws of a round, counted over all rounds and renewals."""
    first = block.renewal * sum(drawn) + sum(drawn[:number])
    return np.arange(first, first + drawn[number])


def _species(
    block: _Block,
    indices: Int[np.ndarray, " rows"],
    attempts: Int[np.ndarray, " rows"],
) -> SpeciesDraw:
    weights = block.weights
    some = block.templates.rows(indices).to(weights.device)
    n_roles = int(some.role.max()) + 1
    n_codes, n_entries = weights.config.species_codes
    noise = row_noise(
        block.seed,
        block.templates.draws[indices],
        (n_roles, n_codes * n_entries + N_SPECIES),
        attempt=attempts,
        purpose=Purpose.SPECIES,
    ).to(weights.device)
    split = n_codes * n_entries
    return draw_species(
        weights.networks,
        some,
        noise[..., :split].unflatten(-1, (n_codes, n_entries)),
        noise[..., split:],
        temperature=block.temperature,
    )


def _geometry(
    block: _Block,
    indices: Int[np.ndarray, " rows"],
    rows: list[_Row],
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
    noise = row_noise(
        block.seed,
        block.templates.draws[indices],
        (n_tokens, *weights.config.geometry_codes),
        attempt=attempts,
        purpose=Purpose.GEOMETRY,
    )
    return draw_geometry(
        weights.networks,
        some,
        species.to(weights.device),
        noise.to(weights.device),
        temperature=block.temperature,
        is_coded=is_coded.to(weights.device),
    )


def _take_geometry(
    block: _Block, index: int, row: _Row, drawn: GeometryDraw, place: int
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
    row.fault = composition.fault or fault_of(crystal, block.weights)
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
    )
