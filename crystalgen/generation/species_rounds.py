"""A round of species: several compositions for each row that has none yet."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float32, Float64, Int
from torch import Tensor

from crystalgen.generation.allowed_species import draw_role_species
from crystalgen.generation.block import Block, Row, attempts_of
from crystalgen.generation.composition import composition_of
from crystalgen.generation.expectation import stability
from crystalgen.generation.noise import Purpose, row_noise
from crystalgen.generation.selection import LIKENESS, choose_together
from crystalgen.model.composition_features import features_of
from crystalgen.model.draws import SpeciesDraw
from crystalgen.model.embedding import N_SPECIES
from crystalgen.representation.neutrality import are_metals
from crystalgen.representation.prototype import Prototype

SPECIES_DRAWN = (1, 3, 6, 6, 6)
"""Compositions drawn for each row in each round, or more if there is a choice."""
ROWS_TOGETHER = 32
"""Rows whose compositions are drawn in one batch, at least."""
CLASS_ROUNDS = 4
"""Rounds in which metals stay metals, and other compounds what they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Options:
    """Compositions drawn for some rows.

    Attributes:
        drawn: Those of one row after those of the other.
        cost: What the critic says of each, lower is better; 0 without one.
        features: What choices shall not change at will; none without a critic.
        scores: What the critic says of each; None without one.
        is_metal: Whether all elements are metals.
    """

    drawn: SpeciesDraw
    cost: Float64[np.ndarray, "rows choices"]
    features: Float64[np.ndarray, "rows choices features"]
    scores: Float32[np.ndarray, "rows choices targets"] | None
    is_metal: Bool[np.ndarray, "rows choices"]


def choose_species(block: Block, rows: list[Row], number: int) -> None:
    """Draw species for the rows without; take some that are new and neutral.

    Of several, rows take those that the critic thinks best for all of them together,
    without a critic the first.
    """
    waiting = np.flatnonzero([row.composition is None for row in rows])
    if not len(waiting):
        return
    in_rounds = tuple(max(each, block.choices) for each in SPECIES_DRAWN)
    n_drawn = 1 if block.has_settled_elements else in_rounds[number]
    attempts = attempts_of(block, in_rounds, number)[:n_drawn]
    options = _options(block, waiting, attempts)
    some = [rows[index] for index in waiting.tolist()]
    if number == 0:
        for row, is_metal in zip(some, options.is_metal, strict=True):
            row.is_metal = bool(is_metal[0])
    own = np.array([row.is_metal for row in some])
    is_like = (options.is_metal == own[:, None]) | (number >= CLASS_ROUNDS)
    prototypes = [block.templates.prototypes[index] for index in waiting.tolist()]
    is_last = number == block.rounds - 1
    _take(block, some, prototypes, options, is_like, is_last=is_last)


def _take(
    block: Block,
    rows: list[Row],
    prototypes: list[Prototype],
    options: _Options,
    is_like: Bool[np.ndarray, "rows choices"],
    *,
    is_last: bool,
) -> None:
    """Give rows compositions without a fault, as far as there are some."""
    n_choices = is_like.shape[1]
    is_unstable = _are_unstable(block, options.scores)
    drawn = {
        (row, choice): composition_of(
            block.weights,
            prototypes[row],
            options.drawn,
            row * n_choices + choice,
            allow_known=block.allow_known,
            drawn_before=block.drawn_before,
            charge_neutral=block.charge_neutral,
            scores=None if options.scores is None else options.scores[row, choice],
            is_unstable=is_unstable is not None and bool(is_unstable[row, choice]),
        )
        for row, choice in np.argwhere(is_like).tolist()
    }
    costs = np.full(is_like.shape, np.inf)
    for place, one in drawn.items():
        costs[place] = np.inf if one.fault else options.cost[place]
    chosen = np.where(is_like, options.cost, np.inf).argmin(axis=1)
    has_some: Bool[np.ndarray, " rows"] = np.asarray(np.isfinite(costs).any(axis=1))
    chosen[has_some] = choose_together(
        costs[has_some],
        options.features[has_some],
        is_like[has_some],
        weight=LIKENESS,
        usual_features=block.usual_features if block.choices > 1 else None,
    )
    in_order = np.argsort(options.cost, axis=1, kind="stable").tolist()
    for row, (one, choice) in enumerate(zip(rows, chosen.tolist(), strict=True)):
        if has_some[row] or (is_last and (row, choice) in drawn):
            one.composition = drawn[row, choice]
        for each in in_order[row]:
            if one.composition is not None and each == choice:
                break
            fault = drawn[row, each].fault if (row, each) in drawn else "class"
            if fault:
                one.redrawn[fault] += 1


def _are_unstable(
    block: Block, scores: Float32[np.ndarray, "rows choices targets"] | None
) -> Bool[np.ndarray, "rows choices"] | None:
    """Which cannot be as stable as was asked for, even at rest; None if it was not."""
    critic = block.weights.networks.critic
    if scores is None or critic is None or not block.min_stability:
        return None
    flat = scores.reshape(-1, scores.shape[-1])
    best = stability(critic, flat, np.zeros(len(flat)))
    return (best < block.min_stability).reshape(scores.shape[:2])


def _options(
    block: Block,
    waiting: Int[np.ndarray, " rows"],
    attempts: Int[np.ndarray, " attempts"],
) -> _Options:
    """Draw compositions for rows."""
    n_drawn = len(attempts)
    sizes = block.templates.templates.present.sum(dim=1).numpy()[waiting]
    groups = _by_size(sizes)
    drawn, costs, features, scores = zip(
        *(
            _part(block, waiting[alike].repeat(n_drawn), np.tile(attempts, len(alike)))
            for alike in groups
        ),
        strict=True,
    )
    # back from the order of sizes to that of the rows
    back = np.concatenate(groups).argsort()[:, None] * n_drawn + np.arange(n_drawn)
    n_roles = max(each.species.shape[1] for each in drawn)
    taken = torch.from_numpy(back.ravel())
    drawn = SpeciesDraw(
        codes=_joined([each.codes for each in drawn], n_roles)[taken],
        species=_joined([each.species for each in drawn], n_roles)[taken],
        log_prob=torch.cat([each.log_prob for each in drawn]).cpu()[taken],
    )
    metal = [are_metals(_roles(each)) for each in drawn.species.tolist()]
    return _Options(
        drawn=drawn,
        cost=np.concatenate(costs)[back],
        features=np.concatenate(features)[back],
        scores=None if scores[0] is None else np.concatenate(scores)[back],
        is_metal=np.array(metal).reshape(back.shape),
    )


def _part(
    block: Block,
    indices: Int[np.ndarray, " rows"],
    attempts: Int[np.ndarray, " rows"],
) -> tuple[
    SpeciesDraw,
    Float64[np.ndarray, " rows"],
    Float64[np.ndarray, "rows features"],
    Float32[np.ndarray, "rows targets"] | None,
]:
    """Compositions, and costs and features of them if there is a choice, and scores."""
    drawn = _species(block, indices, attempts)
    critic = block.weights.networks.critic
    nothing = np.zeros(len(indices)), np.zeros((len(indices), 0))
    if critic is None:
        return drawn, *nothing, None
    templates = block.templates.rows(indices).to(block.weights.device)
    verdict = critic.judge(templates, drawn.species)
    if block.choices == 1:
        return drawn, *nothing, verdict.scores
    features = features_of(templates, drawn.species, verdict.log_density)
    return drawn, verdict.cost, features, verdict.scores


def _joined(parts: list[Tensor], n_roles: int) -> Tensor:
    """Rows one after the other, padded with zeros to a number of roles."""
    whole = parts[0].new_zeros(
        sum(map(len, parts)), n_roles, *parts[0].shape[2:], device="cpu"
    )
    start = 0
    for part in parts:
        whole[start : start + len(part), : part.shape[1]] = part.cpu()
        start += len(part)
    return whole


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


def _roles(species: list[int]) -> tuple[int, ...]:
    """The elements that are there, in order; 0 is padding."""
    return tuple(number for number in species if number)
