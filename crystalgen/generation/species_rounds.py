"""A round of species: several compositions for each row that has none yet."""

import numpy as np
from jaxtyping import Int

from crystalgen.generation.allowed_species import draw_role_species
from crystalgen.generation.block import Block, Row, attempts_of
from crystalgen.generation.composition import composition_of
from crystalgen.generation.noise import Purpose, row_noise
from crystalgen.model.draws import SpeciesDraw
from crystalgen.model.embedding import N_SPECIES

SPECIES_DRAWN = (1, 3, 6, 6, 6)
"""Compositions drawn for each row in each round."""
CLASS_ROUNDS = 4
"""Rounds in which metals stay metals, and other compounds what they are."""


def choose_species(block: Block, rows: list[Row], number: int) -> None:
    """Draw species for the rows without; take the first that are new and neutral."""
    waiting = np.flatnonzero([row.composition is None for row in rows])
    if not len(waiting):
        return
    n_drawn = 1 if block.has_settled_elements else SPECIES_DRAWN[number]
    numbers = attempts_of(block, SPECIES_DRAWN, number)[:n_drawn]
    attempts = np.tile(numbers, len(waiting))
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
                drawn_before=block.drawn_before,
                charge_neutral=block.charge_neutral,
            )
            if number == 0:
                row.is_metal = one.is_metal
            is_unlike = one.is_metal != row.is_metal and number < CLASS_ROUNDS
            fault = one.fault or ("class" if is_unlike else "")
            if not fault or (is_last and place == start + n_drawn - 1):
                row.composition = one
                break
            row.redrawn[fault] += 1


def _species(
    block: Block,
    indices: Int[np.ndarray, " rows"],
    attempts: Int[np.ndarray, " rows"],
) -> SpeciesDraw:
    some = block.templates.rows(indices).to(block.weights.device)
    n_codes, n_entries = block.weights.config.species_codes
    noise = row_noise(
        block.seed,
        block.templates.draws[indices],
        (int(some.role.max()) + 1, n_codes * n_entries + N_SPECIES),
        attempt=attempts,
        purpose=Purpose.SPECIES,
    )
    return draw_role_species(
        block.weights,
        some,
        [block.templates.prototypes[index] for index in indices.tolist()],
        noise.to(block.weights.device),
        temperature=block.temperature,
        constraints=block.constraints,
        guidance=block.templates.guidance_of(indices, block.weights.device),
    )
