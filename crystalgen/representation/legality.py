"""Which Wyckoff positions may come next: the grammar of a crystal's orbits.

Letters come in order, a position without free parameters once at most, and the
primitive cell holds no more atoms than asked for, or exactly as many. A letter is legal
only where the crystal can still be finished, so that no draw runs into a dead end.
Everything is a table look-up by (space group, first letter still open, atoms so far).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Bool, Int

from crystalgen.errors import RequestError
from crystalgen.representation.crystal import free_parameters, primitive_multiplicities

END = 27
"""Token that ends a crystal; tokens 0 to 26 are Wyckoff positions."""
N_TOKENS = 28
"""Wyckoff positions and the end."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LetterRules:
    """The grammar for a limit on atoms, as tables over all space groups (row 0: none).

    A state is the pair (start, used): the first letter that is still open and the atoms
    in the primitive cell so far; a crystal begins at (0, 0). Drawing a letter leads to
    `(next_start[group, letter], used + sizes[group, letter])`.
    """

    max_atoms: int
    """Most atoms in a primitive cell."""
    n_atoms: tuple[int, ...]
    """Numbers of atoms to be met exactly; empty where any up to the limit will do."""
    allowed: Bool[np.ndarray, "groups starts used tokens"]
    """Tokens that may come next in a state, the crystal can be finished after each."""
    next_start: Int[np.ndarray, "groups tokens"]
    """First open letter after a letter: itself, or the next where it has no freedom."""
    sizes: Int[np.ndarray, "groups tokens"]
    """Atoms in the primitive cell that a letter adds; 0 for the end and beyond."""


@lru_cache(maxsize=16)
def letter_rules(max_atoms: int, n_atoms: tuple[int, ...] = ()) -> LetterRules:
    """The grammar of all space groups under a limit on atoms; built once per limit.

    Args:
        max_atoms: Most atoms in the primitive cell, at least 1.
        n_atoms: Where given, the number of atoms must be one of these.

    Raises:
        RequestError: The limit is below 1, or no number of atoms is within it.
    """
    if max_atoms < 1 or (n_atoms and not any(0 < n <= max_atoms for n in n_atoms)):
        raise RequestError(
            f"atoms in the primitive cell: got {max_atoms=} and {n_atoms=}; expected a "
            "limit of at least 1 and numbers of atoms within it"
        )
    sizes, next_start = _letters()
    may_end = np.zeros(max_atoms + 1, dtype=bool)
    may_end[[n for n in n_atoms if 0 < n <= max_atoms] or slice(1, None)] = True
    finishable = _finishable(max_atoms, may_end, sizes, next_start)
    groups = np.arange(231)
    allowed = np.zeros((231, N_TOKENS, max_atoms + 1, N_TOKENS), dtype=bool)
    allowed[1:, :, :, END] = may_end
    for letter in range(END):
        exists = sizes[:, letter] > 0
        for used in range(max_atoms):
            total = np.minimum(used + sizes[:, letter], max_atoms)
            fits = exists & (used + sizes[:, letter] <= max_atoms)
            fits &= finishable[groups, next_start[:, letter], total]
            allowed[:, : letter + 1, used, letter] = fits[:, None]
    for table in (allowed, sizes, next_start):
        table.flags.writeable = False
    return LetterRules(
        max_atoms=max_atoms,
        n_atoms=n_atoms,
        allowed=allowed,
        next_start=next_start,
        sizes=sizes,
    )


def legal_tokens(
    rules: LetterRules, space_group: int, letters: Sequence[int]
) -> Bool[np.ndarray, "28"]:
    """Tokens that may follow the letters of an unfinished crystal.

    Args:
        rules: The grammar.
        space_group: 1 to 230.
        letters: Wyckoff indices so far, themselves legal.
    """
    start = int(rules.next_start[space_group, letters[-1]]) if letters else 0
    used = sum(rules.sizes[space_group, letter] for letter in letters)
    return rules.allowed[space_group, start, used]


def is_legal(rules: LetterRules, space_group: int, letters: Sequence[int]) -> bool:
    """Whether the grammar spells these letters, end included."""
    return all(
        token < N_TOKENS and legal_tokens(rules, space_group, letters[:place])[token]
        for place, token in enumerate([*letters, END])
    )


def legal_groups(
    max_atoms: int, n_atoms: tuple[int, ...] = ()
) -> Bool[np.ndarray, "231"]:
    """Space groups (by number; 0 is none) in which some crystal keeps to the limit.

    Raises:
        RequestError: As in `letter_rules`.
    """
    rules = letter_rules(max_atoms, n_atoms)
    return np.any(rules.allowed[:, 0, 0], axis=1)


def reachable(space_group: int, max_atoms: int) -> Bool[np.ndarray, " counts"]:
    """Which numbers of atoms in the primitive cell a space group can hold.

    >>> np.flatnonzero(reachable(227, 10)).tolist()
    [2, 4, 6, 8, 10]
    """
    counts = np.zeros(max_atoms + 1, dtype=bool)
    counts[0] = True
    free = [any(row) for row in free_parameters(space_group).tolist()]
    sizes = primitive_multiplicities(space_group)
    for size, repeats in zip(sizes, free, strict=True):
        before = counts.copy()
        for total in range(size, max_atoms + 1):
            counts[total] |= (counts if repeats else before)[total - size]
    counts[0] = False
    return counts


def smallest_atoms(space_group: int) -> int:
    """Fewest atoms in the primitive cell of any crystal of a space group.

    >>> smallest_atoms(225), smallest_atoms(227), smallest_atoms(230)
    (1, 2, 8)
    """
    return min(primitive_multiplicities(space_group))


def largest_atoms(space_group: int, max_atoms: int) -> int:
    """Most atoms up to a limit that a space group can hold; 0 where none fit."""
    counts = np.flatnonzero(reachable(space_group, max_atoms))
    return int(counts[-1]) if len(counts) else 0


def _letters() -> tuple[
    Int[np.ndarray, "groups tokens"], Int[np.ndarray, "groups tokens"]
]:
    """Atoms of each letter, and the first open letter after it."""
    sizes = np.zeros((231, N_TOKENS), dtype=np.int64)
    next_start = np.full((231, N_TOKENS), END, dtype=np.int64)
    for group in range(1, 231):
        row = primitive_multiplicities(group)
        fixed = ~free_parameters(group).any(axis=1)
        sizes[group, : len(row)] = row
        next_start[group, : len(row)] = np.arange(len(row)) + fixed
    return sizes, next_start


def _finishable(
    max_atoms: int,
    may_end: Bool[np.ndarray, " used"],
    sizes: Int[np.ndarray, "groups tokens"],
    next_start: Int[np.ndarray, "groups tokens"],
) -> Bool[np.ndarray, "groups starts used"]:
    """From which states some sequence of letters, also none, leads to an end."""
    groups = np.arange(len(sizes))
    finishable = np.zeros((len(sizes), N_TOKENS, max_atoms + 1), dtype=bool)
    finishable[:, END] = may_end
    for start in range(END - 1, -1, -1):
        size = sizes[:, start]
        finishable[:, start] = finishable[:, start + 1]
        for used in range(max_atoms - 1, -1, -1):
            total = np.minimum(used + size, max_atoms)
            fits = (size > 0) & (used + size <= max_atoms)
            later = finishable[groups, next_start[:, start], total]
            finishable[:, start, used] |= fits & later
    return finishable
