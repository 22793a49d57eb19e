"""Which elements may go on the roles of a template, one role after the other.

An element is allowed only where the later roles can still be filled, so no draw runs
into a dead end.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool

N_NUMBERS = 119
"""Atomic numbers, and 0 for none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedAssignments:
    """Assignments that are few enough to be listed."""

    choices: tuple[tuple[int, ...], ...]
    """Atomic number of each role, in each assignment."""
    _known: dict[tuple[int, ...], Bool[np.ndarray, " species"]] = field(
        default_factory=dict, repr=False, compare=False
    )

    def allowed(self, chosen: Sequence[int]) -> Bool[np.ndarray, " species"]:
        """Elements that may go on the next role, given those on the roles before."""
        start = tuple(chosen)
        if start not in self._known:
            mask = np.zeros(N_NUMBERS, dtype=bool)
            for choice in self.choices:
                if choice[: len(start)] == start:
                    mask[choice[len(start)]] = True
            self._known[start] = mask
        return self._known[start]


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolAssignments:
    """Any different elements of a pool, some of them required."""

    pool: Bool[np.ndarray, " species"]
    """Elements to choose from."""
    required: frozenset[int]
    """Elements of the pool that must be among the chosen."""
    n_roles: int
    """Roles to fill, at least as many as there are required elements."""

    def allowed(self, chosen: Sequence[int]) -> Bool[np.ndarray, " species"]:
        """Elements that may go on the next role, given those on the roles before."""
        missing = self.required.difference(chosen)
        if len(missing) == self.n_roles - len(chosen):
            mask = np.zeros(N_NUMBERS, dtype=bool)
            mask[list(missing)] = True
            return mask
        mask = self.pool.copy()
        mask[list(chosen)] = False
        return mask


@dataclass(frozen=True, slots=True, kw_only=True)
class FormulaAssignments:
    """Each role gets an element of a formula with just its number of atoms."""

    amounts: dict[int, int]
    """Atoms of each element in the primitive cell."""
    counts: tuple[int, ...]
    """Atoms of each role; the same numbers as the amounts, in any order."""

    def allowed(self, chosen: Sequence[int]) -> Bool[np.ndarray, " species"]:
        """Elements that may go on the next role, given those on the roles before."""
        mask = np.zeros(N_NUMBERS, dtype=bool)
        count = self.counts[len(chosen)]
        for element, amount in self.amounts.items():
            mask[element] = amount == count and element not in chosen
        return mask


Assignments = ListedAssignments | PoolAssignments | FormulaAssignments
"""The ways to put elements on the roles of one template."""
