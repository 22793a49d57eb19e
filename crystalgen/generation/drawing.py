"""One block of draws, from templates to checked crystals.

A draw keeps its template, and with it the space group, over all attempts; only species
and geometry are drawn again when a check fails, so checks do not favour some groups.
"""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Int

from crystalgen.generation.candidate import Candidate, Codes
from crystalgen.generation.checks import fault_of, is_known
from crystalgen.generation.decoding import GeometryDraw, draw_geometry
from crystalgen.generation.noise import Purpose, row_noise
from crystalgen.generation.templates import TemplateDraw
from crystalgen.generation.weights import Weights
from crystalgen.model.batch import Templates
from crystalgen.model.draws import SpeciesDraw, draw_species
from crystalgen.model.embedding import N_SPECIES
from crystalgen.representation.crystal import (
    SymmetricCrystal,
    primitive_multiplicities,
)
from crystalgen.representation.neutrality import is_neutral
from crystalgen.symmetry.lattice import constrain
from crystalgen.symmetry.wyckoff import space_group

DRAWS_PER_BLOCK = 128
"""Draws computed together. Fixed: the last bits of a sum depend on the batch."""
GEOMETRIES_PER_SPECIES = 3
"""Geometries tried before the species are drawn again."""


@dataclass(slots=True, kw_only=True)
class _Row:
    """Progress of one draw."""

    roles: tuple[int, ...] | None = None
    role_codes: tuple[tuple[int, ...], ...] = ()
    log_prob: float = 0.0
    is_neutral: bool = False
    is_known: bool = False
    geometries: int = 0
    candidate: Candidate | None = None
    fault: str = ""
    redrawn: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one draw.

    Attributes:
        candidate: The crystal of the last attempt; None if it has no geometry at all.
        fault: The check that the last attempt failed; empty for a valid crystal.
        redrawn: Why attempts before it were repeated.
    """

    candidate: Candidate | None
    fault: str
    redrawn: Counter[str]


@torch.inference_mode()
def draw_block(
    weights: Weights,
    templates: TemplateDraw,
    *,
    seed: int,
    temperature: float,
    attempts: int,
    allow_known: bool,
) -> list[Outcome]:
    """Draw crystals for given templates.

    Args:
        weights: Trained networks.
        templates: One for each draw.
        seed: Of the run.
        temperature: Of the discrete draws.
        attempts: Times that species or geometry may be drawn. With 1, the first draw
            of the model is taken as it is, and its faults are only reported.
        allow_known: Take crystals with the group, positions and elements of a
            training crystal for as good as others.

    Returns:
        One outcome for each template.
    """
    rows = [_Row() for _ in templates.draws]
    for attempt in range(attempts):
        is_last = attempt == attempts - 1
        waiting = np.flatnonzero([row.roles is None for row in rows])
        if len(waiting):
            drawn = _species(weights, templates, waiting, seed, attempt, temperature)
            for place, index in enumerate(waiting.tolist()):
                _keep_species(
                    None if allow_known else weights,
                    templates,
                    index,
                    rows[index],
                    drawn,
                    place,
                    is_last,
                )
        ready = np.flatnonzero(
            [
                row.roles is not None and (row.candidate is None or bool(row.fault))
                for row in rows
            ]
        )
        if len(ready):
            geometry = _geometry(
                weights, templates, ready, rows, seed, attempt, temperature
            )
            for place, index in enumerate(ready.tolist()):
                _keep_geometry(
                    weights, templates, index, rows[index], geometry, place, is_last
                )
        if all(row.candidate is not None and not row.fault for row in rows):
            break
    return [
        Outcome(candidate=row.candidate, fault=row.fault, redrawn=row.redrawn)
        for row in rows
    ]


def _species(
    weights: Weights,
    templates: TemplateDraw,
    indices: Int[np.ndarray, " rows"],
    seed: int,
    attempt: int,
    temperature: float,
) -> SpeciesDraw:
    some = templates.rows(indices).to(weights.device)
    n_roles = int(some.role.max()) + 1
    n_codes, n_entries = weights.config.species_codes
    noise = row_noise(
        seed,
        templates.draws[indices],
        (n_roles, n_codes * n_entries + N_SPECIES),
        attempt=attempt,
        purpose=Purpose.SPECIES,
    ).to(weights.device)
    split = n_codes * n_entries
    return draw_species(
        weights.networks,
        some,
        noise[..., :split].unflatten(-1, (n_codes, n_entries)),
        noise[..., split:],
        temperature=temperature,
    )


def _keep_species(
    knowing: Weights | None,
    templates: TemplateDraw,
    index: int,
    row: _Row,
    drawn: SpeciesDraw,
    place: int,
    is_last: bool,
) -> None:
    """Accept the species of a row if they are new and neutral, or time is up.

    They are new if ``knowing`` holds no such crystal; always without it.
    """
    prototype = templates.prototypes[index]
    n_roles = max(prototype.roles) + 1
    roles = tuple(drawn.species[place, :n_roles].tolist())
    sizes = primitive_multiplicities(prototype.space_group)
    counts = [0] * n_roles
    for letter, role in zip(prototype.wyckoff, prototype.roles, strict=True):
        counts[role] += sizes[letter]
    neutral = is_neutral(roles, tuple(counts))
    row.is_known = knowing is not None and is_known(prototype, roles, knowing)
    if not is_last and (row.is_known or not neutral):
        row.redrawn["charge" if not neutral else "known"] += 1
        return
    row.roles, row.is_neutral, row.geometries = roles, neutral, 0
    row.role_codes = tuple(map(tuple, drawn.codes[place, :n_roles].tolist()))
    row.log_prob = templates.log_prob[index] + float(drawn.log_prob[place])


def _geometry(
    weights: Weights,
    templates: TemplateDraw,
    indices: Int[np.ndarray, " rows"],
    rows: list[_Row],
    seed: int,
    attempt: int,
    temperature: float,
) -> GeometryDraw:
    some: Templates = templates.rows(indices).to(weights.device)
    n_roles = int(some.role.max()) + 1
    species = torch.zeros(len(indices), n_roles, dtype=torch.long)
    for place, index in enumerate(indices.tolist()):
        roles = rows[index].roles or ()
        species[place, : len(roles)] = torch.tensor(roles)
    n_tokens = 1 + int(weights.networks.coded_orbits(some).sum(dim=1).max())
    noise = row_noise(
        seed,
        templates.draws[indices],
        (n_tokens, *weights.config.geometry_codes),
        attempt=attempt,
        purpose=Purpose.GEOMETRY,
    )
    return draw_geometry(
        weights.networks,
        some,
        species.to(weights.device),
        noise.to(weights.device),
        temperature=temperature,
    )


def _keep_geometry(
    weights: Weights,
    templates: TemplateDraw,
    index: int,
    row: _Row,
    drawn: GeometryDraw,
    place: int,
    is_last: bool,
) -> None:
    """Build the crystal of a row and note what is wrong with it."""
    prototype = templates.prototypes[index]
    n_orbits = len(prototype.wyckoff)
    species = row.roles or ()
    crystal = SymmetricCrystal(
        space_group=prototype.space_group,
        wyckoff=prototype.wyckoff,
        species=tuple(species[role] for role in prototype.roles),
        free_coords=drawn.coords[place, :n_orbits],
        lattice_parameters=constrain(
            drawn.lattice_parameters[place],
            space_group(prototype.space_group).crystal_system,
        ),
    )
    row.fault = "known" if row.is_known else fault_of(crystal, weights)
    row.candidate = Candidate(
        index=int(templates.draws[index]),
        crystal=crystal,
        codes=Codes(
            crystal=tuple(drawn.crystal_codes[place].tolist()),
            roles=row.role_codes,
            orbits=tuple(map(tuple, drawn.orbit_codes[place, :n_orbits].tolist())),
        ),
        log_prob=row.log_prob + float(drawn.log_prob[place]),
        is_neutral=row.is_neutral,
    )
    row.geometries += 1
    if row.fault and not is_last:
        row.redrawn[row.fault] += 1
        if row.geometries >= GEOMETRIES_PER_SPECIES:
            row.roles = None
