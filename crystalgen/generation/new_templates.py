"""Templates never seen in training, from the autoregressive prior under masks."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Bool, Float, Float64, Int
from torch import Tensor

from crystalgen.estimators.gumbel_softmax import gumbel_max
from crystalgen.generation.grammar import Grammar
from crystalgen.generation.noise import Purpose, row_noise
from crystalgen.generation.weights import Weights
from crystalgen.model.batch import Templates
from crystalgen.model.guidance import Guidance, PrototypeReader
from crystalgen.model.layers import select_rows
from crystalgen.model.tables import MAX_LETTERS, symmetry_tables
from crystalgen.representation.legality import letter_rules
from crystalgen.representation.prototype import Prototype


@torch.inference_mode()
def draw_new_prototypes(
    weights: Weights,
    groups: Int[np.ndarray, " rows"],
    *,
    seed: int,
    draws: Int[np.ndarray, " rows"],
    attempt: int | Int[np.ndarray, " rows"] = 1,
    max_atoms: int,
    temperature: float,
    grammars: Sequence[Grammar | None] = (),
    guidance: Guidance | None = None,
) -> tuple[list[Prototype], Float64[np.ndarray, " rows"]]:
    """Draw positions and roles of the given groups, one orbit after the other.

    Args:
        weights: Trained networks.
        groups: Space group of each row.
        seed: Of the run.
        draws: Number of the draw of each row.
        attempt: Which of its streams of noise each draw reads.
        max_atoms: Most atoms in the primitive cell.
        temperature: Of the draws.
        grammars: What else each row must keep to; None for nothing.
        guidance: Properties that each crystal shall have; None for any.

    Returns:
        The prototypes and their log-probabilities given the group, in nats.
    """
    reader = PrototypeReader(
        prior=weights.networks.prototype_prior,
        guidance=guidance and guidance.to(weights.device),
    )
    config = weights.config
    first = symmetry_tables().first_position.numpy()
    n_rows, n_letters = len(groups), MAX_LETTERS + 1
    n_elements = int((weights.networks.statistics.species_count > 0).sum())
    noise = row_noise(
        seed,
        draws,
        (config.max_orbits, n_letters + config.max_roles),
        attempt=attempt,
        purpose=Purpose.TEMPLATE,
    ).to(weights.device)
    space_group = torch.from_numpy(groups.astype(np.int64)).to(weights.device)
    rules = letter_rules(max_atoms)
    start, used = np.zeros((2, n_rows), dtype=np.int64)
    letters: list[list[int]] = [[] for _ in range(n_rows)]
    roles: list[list[int]] = [[] for _ in range(n_rows)]
    log_prob = torch.zeros(n_rows, device=weights.device)
    hidden, past = reader.start(space_group)
    rows = np.arange(n_rows)  # those without an end
    for step in range(config.max_orbits):
        some = torch.from_numpy(rows).to(weights.device)
        last = torch.tensor(
            [letters[row][-1] if letters[row] else 0 for row in rows.tolist()]
        )
        legal = _restrict_letters(
            torch.from_numpy(rules.allowed[groups[rows], start[rows], used[rows]]),
            [grammars[row] for row in rows.tolist()] if grammars else [],
            [letters[row] for row in rows.tolist()],
            [roles[row] for row in rows.tolist()],
        )
        logits = reader.letter_logits(
            hidden, space_group[some], last.to(weights.device)
        ).masked_fill(~legal.to(weights.device), -torch.inf)
        chosen, gained = _pick(logits, noise[some, step, :n_letters], temperature)
        log_prob[some] += gained
        is_open = chosen != reader.prior.end
        rows, some = rows[is_open.cpu().numpy()], some[is_open]
        if not len(rows):
            break
        hidden, past = hidden[is_open], select_rows(past, is_open)
        letter = chosen[is_open].cpu().numpy()
        position = torch.from_numpy(first[groups[rows]] + letter).to(weights.device)
        # roles are never more than there are elements to put on them
        n_used = torch.tensor(
            [min(len(set(roles[row])), n_elements - 1) for row in rows.tolist()]
        )
        role_logits = _restrict_roles(
            reader.role_logits(hidden, position, n_used.to(weights.device)),
            [grammars[row] for row in rows.tolist()] if grammars else [],
            [letters[row] for row in rows.tolist()],
            [roles[row] for row in rows.tolist()],
            letter,
        )
        role, gained = _pick(role_logits, noise[some, step, n_letters:], temperature)
        log_prob[some] += gained
        for place, row in enumerate(rows.tolist()):
            letters[row].append(int(letter[place]))
            roles[row].append(int(role[place]))
        used[rows] += rules.sizes[groups[rows], letter]
        start[rows] = rules.next_start[groups[rows], letter]
        token = reader.prior.template(
            Templates(
                space_group=space_group[some],
                position=position[:, None],
                role=role[:, None],
                prototype=torch.zeros_like(some),
                centre=torch.zeros_like(some),
            ),
            first_place=step,
        )[:, 0]
        hidden, past = reader.step(token, past)
    return [
        Prototype(space_group=int(group), wyckoff=tuple(sites), roles=tuple(row))
        for group, sites, row in zip(groups, letters, roles, strict=True)
    ], log_prob.double().cpu().numpy()


def _restrict_letters(
    legal: Bool[Tensor, "rows tokens"],
    grammars: Sequence[Grammar | None],
    letters: list[list[int]],
    roles: list[list[int]],
) -> Bool[Tensor, "rows tokens"]:
    """Letters that the grammars allow; rows without one stay as they are."""
    for row, grammar in enumerate(grammars):
        if grammar is not None:
            legal[row] = _tokens(grammar, tuple(letters[row]), tuple(roles[row]))
    return legal


def _restrict_roles(
    logits: Float[Tensor, "rows roles"],
    grammars: Sequence[Grammar | None],
    letters: list[list[int]],
    roles: list[list[int]],
    letter: Int[np.ndarray, " rows"],
) -> Float[Tensor, "rows roles"]:
    """Rule out the roles that the grammars forbid on a letter."""
    legal = torch.ones_like(logits, dtype=torch.bool, device="cpu")
    for row, grammar in enumerate(grammars):
        if grammar is not None:
            before = tuple(letters[row]), tuple(roles[row])
            legal[row] = _roles(grammar, *before, int(letter[row]), logits.shape[1])
    return logits.masked_fill(~legal.to(logits.device), -torch.inf)


# rows that may take the same grammar take its first steps alike, too
@lru_cache(maxsize=1 << 14)
def _tokens(
    grammar: Grammar, letters: tuple[int, ...], roles: tuple[int, ...]
) -> Bool[Tensor, " tokens"]:
    return torch.from_numpy(grammar.tokens(letters, roles))


@lru_cache(maxsize=1 << 14)
def _roles(
    grammar: Grammar,
    letters: tuple[int, ...],
    roles: tuple[int, ...],
    letter: int,
    n_roles: int,
) -> Bool[Tensor, " roles"]:
    return torch.from_numpy(grammar.roles(letters, roles, letter, n_roles))


def _pick(
    logits: Float[Tensor, "rows categories"],
    noise: Float[Tensor, "rows categories"],
    temperature: float,
) -> tuple[Int[Tensor, " rows"], Float[Tensor, " rows"]]:
    """Categories and their log-probabilities at temperature 1."""
    chosen = gumbel_max(logits, noise, temperature=temperature)
    return chosen, logits.log_softmax(dim=-1).gather(1, chosen[:, None]).squeeze(1)
