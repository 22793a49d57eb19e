"""What may come next in a new template, so that it can still become what is asked for.

A template is spelled letter by letter, with a role after each letter. Both grammars
here look ahead to the end: whatever they allow, some spelling finishes it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Bool, Int

from crystalgen.generation.packing import can_fill, open_positions
from crystalgen.representation.crystal import free_parameters, primitive_multiplicities
from crystalgen.representation.legality import END, N_TOKENS


@dataclass(frozen=True, slots=True, kw_only=True)
class CountGrammar:
    """Templates in which the roles have given numbers of atoms, in any order."""

    space_group: int
    """1 to 230."""
    counts: tuple[int, ...]
    """Atoms of each element in the primitive cell, ascending."""

    def tokens(
        self, letters: Sequence[int], roles: Sequence[int]
    ) -> Bool[np.ndarray, " tokens"]:
        """Letters, or the end, that may follow the orbits so far."""
        allowed = np.zeros(N_TOKENS, dtype=bool)
        ways = list(self._ways(letters, roles))
        allowed[END] = any(not any(each) and not rest for each, rest in ways)
        group = self.space_group
        for letter in range(_start(group, letters), len(_sizes(group))):
            allowed[letter] = any(
                self._can_take((*each, *rest), place, letter)
                for each, rest in ways
                for place in range(len(each) + len(rest))
            )
        return allowed

    def roles(
        self, letters: Sequence[int], roles: Sequence[int], letter: int, n_roles: int
    ) -> Bool[np.ndarray, " roles"]:
        """Which of the first ``n_roles`` roles may be on the next letter."""
        allowed = np.zeros(n_roles, dtype=bool)
        for each, rest in self._ways(letters, roles):
            for place in range(len(each) + len(rest)):
                role = min(place, len(each))
                if role < n_roles and not allowed[role]:
                    allowed[role] = self._can_take((*each, *rest), place, letter)
        return allowed

    def _ways(
        self, letters: Sequence[int], roles: Sequence[int]
    ) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
        """Atoms that each role still needs, and those of elements without a role.

        There are several ways, as it is open which role will have which count.
        """
        sizes = _sizes(self.space_group)
        placed = [0] * len(set(roles))
        for letter, role in zip(letters, roles, strict=True):
            placed[role] += sizes[letter]
        return _match(tuple(placed), self.counts)

    def _can_take(self, wanted: tuple[int, ...], place: int, letter: int) -> bool:
        """Whether one more orbit fits at a place and the rest can be filled."""
        group = self.space_group
        left = wanted[place] - _sizes(group)[letter]
        if left < 0:
            return False
        stock = open_positions(group, _next_start(group, letter))
        return can_fill(stock, (*wanted[:place], left, *wanted[place + 1 :]))


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeGrammar:
    """Templates with numbers of atoms and of roles within limits."""

    space_group: int
    """1 to 230."""
    atoms: tuple[int, int]
    """Fewest and most atoms in the primitive cell."""
    n_roles: tuple[int, int]
    """Fewest and most roles."""

    def tokens(
        self, letters: Sequence[int], roles: Sequence[int]
    ) -> Bool[np.ndarray, " tokens"]:
        """Letters, or the end, that may follow the orbits so far."""
        allowed = np.zeros(N_TOKENS, dtype=bool)
        group, n_used = self.space_group, len(set(roles))
        used = self._atoms(letters)
        allowed[END] = (
            n_used >= self.n_roles[0] and self.atoms[0] <= used <= self.atoms[1]
        )
        for letter in range(_start(group, letters), len(_sizes(group))):
            further = self._further(letters, letter)
            allowed[letter] = further >= max(self.n_roles[0] - n_used - 1, 0)
        return allowed

    def roles(
        self, letters: Sequence[int], roles: Sequence[int], letter: int, n_roles: int
    ) -> Bool[np.ndarray, " roles"]:
        """Which of the first ``n_roles`` roles may be on the next letter."""
        n_used = len(set(roles))
        allowed = np.zeros(n_roles, dtype=bool)
        further = self._further(letters, letter)
        allowed[:n_used] = further >= max(self.n_roles[0] - n_used, 0)
        if n_used < min(self.n_roles[1], n_roles):
            allowed[n_used] = True
        return allowed

    def _atoms(self, letters: Sequence[int]) -> int:
        sizes = _sizes(self.space_group)
        return sum(sizes[letter] for letter in letters)

    def _further(self, letters: Sequence[int], letter: int) -> int:
        """Most orbits that can follow after a letter; -1 if it has no end."""
        group = self.space_group
        used = self._atoms(letters) + _sizes(group)[letter]
        if used > self.atoms[1]:
            return -1
        most = most_orbits(group, *self.atoms)
        return int(most[_next_start(group, letter), used])


Grammar = CountGrammar | RangeGrammar
"""The spellings of the templates of one group that a request allows."""


@lru_cache(maxsize=512)
def most_orbits(
    space_group: int, fewest: int, most: int
) -> Int[np.ndarray, "starts used"]:
    """Most further orbits with which a crystal ends within limits on its atoms.

    Args:
        space_group: 1 to 230.
        fewest: Fewest atoms in the primitive cell.
        most: Most atoms in the primitive cell.

    Returns:
        By first open letter and atoms so far; -1 where no end can be reached.
    """
    sizes = _sizes(space_group)
    table = np.full((len(sizes) + 1, most + 1), -1, dtype=np.int64)
    table[len(sizes), fewest:] = 0
    for start in range(len(sizes) - 1, -1, -1):
        table[start] = table[start + 1]
        following = table[_next_start(space_group, start)]
        for used in range(most - sizes[start], -1, -1):
            later = following[used + sizes[start]]
            if later >= 0:
                table[start, used] = max(table[start, used], later + 1)
    table.flags.writeable = False
    return table


def can_hold(space_group: int, atoms: tuple[int, int], fewest_roles: int) -> bool:
    """Whether positions of a group hold so many atoms of so many elements.

    >>> can_hold(227, (5, 5), 1), can_hold(227, (4, 6), 2), can_hold(227, (4, 4), 3)
    (False, True, False)
    """
    return int(most_orbits(space_group, *atoms)[0, 0]) >= max(fewest_roles, 1)


def _match(
    placed: tuple[int, ...], counts: tuple[int, ...]
) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Different ways to give each role one of the counts, as what is left of them."""
    if not placed:
        yield (), counts
        return
    for place, count in enumerate(counts):
        if count >= placed[0] and count not in counts[:place]:
            others = (*counts[:place], *counts[place + 1 :])
            for each, rest in _match(placed[1:], others):
                yield (count - placed[0], *each), rest


def _sizes(space_group: int) -> tuple[int, ...]:
    return primitive_multiplicities(space_group)


def _start(space_group: int, letters: Sequence[int]) -> int:
    return _next_start(space_group, letters[-1]) if letters else 0


@lru_cache(maxsize=1 << 13)
def _next_start(space_group: int, letter: int) -> int:
    """First letter that is open after a letter."""
    return letter + int(not free_parameters(space_group)[letter].any())
