"""A round of species: several compositions for each row that has none yet."""

import numpy as np
from jaxtyping import Bool, Float64, Int

from crystalgen.generation.allowed_species import draw_role_species
from crystalgen.generation.block import Block, Row, attempts_of
from crystalgen.generation.composition import composition_of
from crystalgen.generation.noise import Purpose, row_noise
from crystalgen.model.draws import SpeciesDraw
from crystalgen.model.embedding import N_SPECIES
from crystalgen.representation.neutrality import are_metals

SPECIES_DRAWN = (1, 3, 6, 6, 6)
"""Compositions drawn for each row in each round, or more if there is a choice."""
ROWS_TOGETHER = 32
"""Rows whose compositions are drawn in one batch, at least."""
CLASS_ROUNDS = 4
"""Rounds in which metals stay metals, and other compounds what they are."""


def choose_species(block: Block, rows: list[Row], number: int) -> None:
    """Draw species for the rows without; take some that are new and neutral.

    Of several it takes those that the critic thinks best, without one the first.
    """
    waiting = np.flatnonzero([row.composition is None for row in rows])
    n_orbits = block.templates.templates.present.sum(dim=1).numpy()[waiting]
    for alike in _by_size(n_orbits):
        _choose_some(block, rows, waiting[alike], number)


def _by_size(n_orbits: Int[np.ndarray, " rows"]) -> list[Int[np.ndarray, " some"]]:
    """Rows of like size together: what is small is not padded to what is large."""
    order = np.argsort(n_orbits, kind="stable")
    groups: list[Int[np.ndarray, " some"]] = []
    while len(order):
        limit = n_orbits[order[:ROWS_TOGETHER][-1]]
        n_in = int(np.searchsorted(n_orbits[order], limit, side="right"))
        n_in = n_in if len(order) - n_in >= ROWS_TOGETHER else len(order)
        groups.append(np.sort(order[:n_in]))
        order = order[n_in:]
    return groups


def _choose_some(
    block: Block, rows: list[Row], waiting: Int[np.ndarray, " some"], number: int
) -> None:
    in_rounds = tuple(max(each, block.choices) for each in SPECIES_DRAWN)
    n_drawn = 1 if block.has_settled_elements else in_rounds[number]
    numbers = attempts_of(block, in_rounds, number)[:n_drawn]
    attempts = np.tile(numbers, len(waiting))
    indices = waiting.repeat(n_drawn)
    drawn = _species(block, indices, attempts)
    is_metal = np.array([are_metals(_roles(each)) for each in drawn.species.tolist()])
    costs = _costs(block, indices, drawn, is_metal)
    is_last = number == block.rounds - 1
    for start, index in zip(
        range(0, len(attempts), n_drawn), waiting.tolist(), strict=True
    ):
        row = rows[index]
        if number == 0:
            row.is_metal = bool(is_metal[start])
        order = start + np.argsort(costs[start : start + n_drawn], kind="stable")
        for place in order.tolist():
            one = composition_of(
                block.weights,
                block.templates.prototypes[index],
                drawn,
                place,
                allow_known=block.allow_known,
                drawn_before=block.drawn_before,
                charge_neutral=block.charge_neutral,
            )
            is_unlike = one.is_metal != row.is_metal and number < CLASS_ROUNDS
            fault = one.fault or ("class" if is_unlike else "")
            if not fault or (is_last and place == order[-1]):
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
        temperature=block.temperature * block.weights.config.species_temperature,
        constraints=block.constraints,
        guidance=block.templates.guidance_of(indices, block.weights.device),
    )


def _costs(
    block: Block,
    indices: Int[np.ndarray, " rows"],
    drawn: SpeciesDraw,
    is_metal: Bool[np.ndarray, " rows"],
) -> Float64[np.ndarray, " rows"]:
    """What the critic says of the compositions, lower is better; 0 without one."""
    critic = block.weights.networks.critic
    if critic is None or block.choices == 1:
        return np.zeros(len(indices))
    templates = block.templates.rows(indices).to(block.weights.device)
    return critic.costs(critic.judge(templates, drawn.species), is_metal)


def _roles(species: list[int]) -> tuple[int, ...]:
    """The elements that are there, in order; 0 is padding."""
    return tuple(number for number in species if number)
