"""One block of draws, from templates to checked crystals.

A draw keeps its template, and with it the space group, over all rounds; only species
and geometry are drawn again when a check fails, so checks do not favour some groups.
Nor do they favour metals, whose charges need no balance: a draw that began with metals
alone ends with metals, any other with something else, as far as it can. Each round
draws more species and geometries for the rows that are left, so that few rounds are
needed and each is a batch worth computing.
"""

from collections.abc import Set as AbstractSet

import torch

from crystalgen.generation.block import Block, Outcome, Row
from crystalgen.generation.constraints import Constraints
from crystalgen.generation.geometry_rounds import choose_geometry
from crystalgen.generation.species_rounds import choose_species
from crystalgen.generation.template_draw import TemplateDraw
from crystalgen.generation.weights import Weights

ROUNDS = 5
"""Rounds after which a template is given up."""


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
    drawn_before: AbstractSet[int] = frozenset(),
    vary_geometry: bool = False,
    constraints: Constraints | None = None,
    is_group_asked: bool = False,
    choices: int = 1,
    min_stability: float = 0.0,
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
        drawn_before: Digests of protostructures that are not to be drawn again, see
            `crystalgen.generation.drawn_before`.
        vary_geometry: Draw the first geometry, too, rather than take the most likely.
        constraints: What compositions must keep to; None for nothing.
        is_group_asked: Whether the space group or the crystal system was asked for.
        choices: Compositions of which the critic takes the best, if there is a critic.
        min_stability: Least probability to be stable, see
            `crystalgen.generation.expectation`; 0 for any.

    Returns:
        One outcome for each template.
    """
    rows = [Row() for _ in templates.draws]
    block = Block(
        weights=weights,
        templates=templates,
        seed=seed,
        temperature=temperature,
        rounds=rounds,
        renewal=renewal,
        allow_known=allow_known,
        drawn_before=drawn_before,
        vary_geometry=vary_geometry,
        constraints=constraints,
        is_group_asked=is_group_asked,
        asked_choices=choices,
        min_stability=min_stability,
    )
    for number in range(rounds):
        choose_species(block, rows, number)
        choose_geometry(block, rows, number)
        if all(row.is_done for row in rows):
            break
    return [
        Outcome(candidate=row.candidate, fault=row.fault, redrawn=row.redrawn)
        for row in rows
    ]
