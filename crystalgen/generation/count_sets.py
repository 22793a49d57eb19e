"""Numbers of atoms of each element that a template may have, in ascending order."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, permutations

import numpy as np
from jaxtyping import Bool, Int

from crystalgen.representation.charge_balance import are_neutral
from crystalgen.representation.crystal import primitive_multiplicities
from crystalgen.representation.prototype import Prototype, PrototypeVocabulary

Counts = tuple[int, ...]
"""Atoms of each element in the primitive cell."""


def role_counts(vocabulary: PrototypeVocabulary) -> Int[np.ndarray, "prototypes roles"]:
    """Atoms of each role of each known prototype; 0 for roles that it does not have."""
    n_orbits = np.diff(vocabulary.offsets)
    row = np.repeat(np.arange(len(vocabulary)), n_orbits)
    sizes = [
        primitive_multiplicities(group)[letter]
        for group, letter in zip(
            vocabulary.space_group[row].tolist(),
            vocabulary.wyckoff.tolist(),
            strict=True,
        )
    ]
    counts = np.zeros((len(vocabulary), int(vocabulary.role.max()) + 1), dtype=np.int64)
    np.add.at(counts, (row, vocabulary.role), sizes)
    return counts


@dataclass(frozen=True, kw_only=True)
class KnownCounts:
    """Counts of the known prototypes.

    Attributes:
        vocabulary: Known prototypes.
    """

    vocabulary: PrototypeVocabulary

    @cached_property
    def of_roles(self) -> Int[np.ndarray, "prototypes roles"]:
        """Atoms of each role; 0 for roles that a prototype does not have."""
        return role_counts(self.vocabulary)

    @cached_property
    def ascending(self) -> list[Counts]:
        """Atoms of the elements of each prototype, in ascending order."""
        return [
            tuple(count for count in row if count)
            for row in np.sort(self.of_roles, axis=1).tolist()
        ]

    @cached_property
    def seen(self) -> Counter[Counts]:
        """Training crystals that have some counts."""
        seen: Counter[Counts] = Counter()
        numbers = self.vocabulary.count.tolist()
        for counts, number in zip(self.ascending, numbers, strict=True):
            seen[counts] += number
        return seen


def all_counts(n_elements: int, fewest: int, most: int) -> list[Counts]:
    """All counts of so many elements with a number of atoms within limits.

    >>> all_counts(2, 3, 4)
    [(1, 2), (1, 3), (2, 2)]
    """
    return [
        counts
        for n_atoms in range(max(fewest, n_elements), most + 1)
        for counts in _ascending(n_atoms, n_elements, 1)
    ]


def _ascending(n_atoms: int, n_elements: int, least: int) -> Iterator[Counts]:
    if n_elements == 1:
        yield (n_atoms,)
        return
    for first in range(least, n_atoms // n_elements + 1):
        for others in _ascending(n_atoms - first, n_elements - 1, first):
            yield (first, *others)


def some_neutral(
    all_counts: list[Counts], systems: list[tuple[int, ...]]
) -> Bool[np.ndarray, " counts"]:
    """Whether the elements of some system can have given counts and be neutral.

    Args:
        all_counts: Counts of equally many elements.
        systems: Sets of so many elements.
    """
    neutral = np.zeros(len(all_counts), dtype=bool)
    if not all_counts:
        return neutral
    orders = np.array(list(permutations(range(len(all_counts[0])))))
    table = np.array(all_counts)
    for system in systems:
        open_rows = np.flatnonzero(~neutral)
        if not len(open_rows):
            break
        each = table[open_rows][:, orders]
        verdicts = are_neutral(system, each.reshape(-1, each.shape[2]))
        neutral[open_rows] = verdicts.reshape(len(open_rows), -1).any(axis=1)
    return neutral


def orders_of(
    system: tuple[int, ...], counts: Counts, *, charge_neutral: bool
) -> Iterator[tuple[int, ...]]:
    """Orders of the elements of a system, each to have the count at its place."""
    orders = list(permutations(range(len(system))))
    allowed = np.ones(len(orders), dtype=bool)
    if charge_neutral:
        placed = np.zeros((len(orders), len(system)), dtype=np.int64)
        np.put_along_axis(placed, np.array(orders), np.array([counts]), axis=1)
        allowed = are_neutral(system, placed)
    for order, is_allowed in zip(orders, allowed.tolist(), strict=True):
        if is_allowed:
            yield tuple(system[place] for place in order)


def systems_of(
    pool: tuple[int, ...], required: frozenset[int], n_elements: int
) -> list[tuple[int, ...]]:
    """Sets of elements of a pool that have all that are required."""
    others = [element for element in pool if element not in required]
    return [
        tuple(sorted((*required, *more)))
        for more in combinations(others, n_elements - len(required))
    ]


def counts_of(prototype: Prototype) -> Counts:
    """Atoms of each role in the primitive cell."""
    sizes = primitive_multiplicities(prototype.space_group)
    counts = [0] * prototype.n_elements
    for letter, role in zip(prototype.wyckoff, prototype.roles, strict=True):
        counts[role] += sizes[letter]
    return tuple(counts)
