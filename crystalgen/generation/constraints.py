"""A request for given weights: what it leaves to draw from.

Knows which known prototypes fit, which new ones may be spelled, and which elements may
go on the roles of a template. Draws nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import comb, factorial, gcd

import numpy as np
from jaxtyping import Bool

from crystalgen.generation.assignments import (
    N_NUMBERS,
    Assignments,
    FormulaAssignments,
    ListedAssignments,
    PoolAssignments,
)
from crystalgen.generation.checks import is_known
from crystalgen.generation.count_sets import (
    Counts,
    KnownCounts,
    all_counts,
    counts_of,
    orders_of,
    some_neutral,
    systems_of,
)
from crystalgen.generation.grammar import CountGrammar, Grammar, RangeGrammar, can_hold
from crystalgen.generation.packing import can_fill, open_positions
from crystalgen.generation.pool import Pool, pool_of
from crystalgen.generation.reachability import FEWEST_ATOMS
from crystalgen.generation.request import Request
from crystalgen.generation.spelling import anonymous_counts
from crystalgen.generation.weights import Weights
from crystalgen.representation.charge_balance import are_neutral
from crystalgen.representation.prototype import Prototype

MOST_LISTED = 120
"""Assignments of elements to roles up to which all are listed and judged beforehand;
beyond, charges are judged after the draw, which is then repeated."""


def is_constrained(request: Request) -> bool:
    """Whether a request says anything of composition, or of the fewest atoms."""
    return request.min_atoms is not None or any(
        (
            not request.charge_neutral,
            request.chemical_system,
            request.elements,
            request.require,
            request.exclude,
            request.formula,
            request.anonymous_formula,
            request.n_elements,
        )
    )


@dataclass(frozen=True, kw_only=True)
class Constraints:
    """What a request and the weights allow together.

    Raises:
        RequestError: No composition can fulfil the request.
    """

    weights: Weights
    request: Request
    _listed: dict[Counts, tuple[Counts, ...]] = field(
        default_factory=dict, repr=False, compare=False
    )
    _assignments: dict[Prototype, Assignments] = field(
        default_factory=dict, repr=False, compare=False
    )

    @cached_property
    def pool(self) -> Pool:
        """Elements, and numbers of elements and atoms."""
        return pool_of(self.request, self.weights)

    @property
    def max_atoms(self) -> int:
        """Most atoms in the primitive cell that the model knows."""
        return self.weights.config.max_atoms

    @property
    def restricts_species(self) -> bool:
        """Whether elements are restricted, beyond their number."""
        pool = self.pool
        return bool(pool.required) or len(pool.elements) < pool.n_trained

    @cached_property
    def has_settled_elements(self) -> bool:
        """Whether all crystals have the same elements, put on roles from a list.

        Charges and training crystals are then heeded beforehand.
        """
        return self._is_one_system and self._is_listed(len(self.pool.elements))

    @cached_property
    def count_sets(self) -> tuple[Counts, ...] | None:
        """Counts that some composition has, ascending; None where any will do."""
        low, high = self.pool.n_elements
        if self.request.composition:
            return tuple(tuple(sorted(each.values())) for each in self.amounts)
        if self.request.anonymous_formula:
            ratio = anonymous_counts(self.request.anonymous_formula)
            fewest, most = self.pool.atoms
            total = sum(ratio)
            sets = [
                tuple(count * z for count in ratio)
                for z in range(-(-fewest // total), most // total + 1)
            ]
            return self._possible(sets)
        if not self._is_listed(min(high, max(low, 3))):
            return None
        sets = [
            counts
            for n_elements in range(low, high + 1)
            for counts in all_counts(n_elements, *self.pool.atoms)
        ]
        return self._possible(sets)

    @cached_property
    def amounts(self) -> tuple[Mapping[int, int], ...]:
        """Atoms of each element, for each number of formula units that fits."""
        return tuple(
            amounts
            for amounts in self.sized_amounts
            if not self.request.charge_neutral
            or are_neutral(tuple(amounts), np.array([list(amounts.values())]))[0]
        )

    @cached_property
    def sized_amounts(self) -> tuple[Mapping[int, int], ...]:
        """The same, whether neutral or not."""
        unit = self.pool.unit
        total = sum(unit.values())
        common = gcd(*unit.values())
        fewest, most = self.pool.atoms
        z = self.request.z
        multiples = [z * common] if z else range(1, most * common // total + 1)
        return tuple(
            {element: count // common * z for element, count in unit.items()}
            for z in multiples
            if fewest <= total // common * z <= most
        )

    def fits(self) -> Bool[np.ndarray, " prototypes"]:
        """Known prototypes that some allowed composition has."""
        counts = self._known.of_roles
        n_roles, n_atoms = (counts > 0).sum(axis=1), counts.sum(axis=1)
        low, high = self.pool.n_elements
        fewest, most = self.pool.atoms
        fits = (low <= n_roles) & (n_roles <= high)
        fits &= (fewest <= n_atoms) & (n_atoms <= most)
        ascending, rows = self._known.ascending, np.flatnonzero(fits).tolist()
        sets = self.count_sets
        if sets is None:
            sets = self._possible(sorted({ascending[row] for row in rows}))
        allowed = set(sets)
        for row in rows:
            fits[row] = ascending[row] in allowed
        if self._is_one_system and not self._takes_known:
            for row in np.flatnonzero(fits).tolist():
                fits[row] = self._has_unknown(self.weights.vocabulary.prototype(row))
        return fits

    def can_build(self, group: int) -> bool:
        """Whether positions of a group can be filled as the request wants it."""
        if FEWEST_ATOMS[group - 1] > self.pool.atoms[1]:
            return False
        if self.count_sets is None:
            return can_hold(group, self.pool.atoms, self.pool.n_elements[0])
        stock = open_positions(group, 0)
        return any(can_fill(stock, counts) for counts in self.count_sets)

    def grammar(self, group: int, uniform: float) -> Grammar:
        """Spellings of a new template of a group.

        Args:
            group: One that `can_build`.
            uniform: From [0, 1), to choose the numbers of atoms where they matter, as
                often as known prototypes have them, unseen ones as if seen once.
        """
        if self.count_sets is None:
            return RangeGrammar(
                space_group=group, atoms=self.pool.atoms, n_roles=self.pool.n_elements
            )
        stock = open_positions(group, 0)
        sets = [counts for counts in self.count_sets if can_fill(stock, counts)]
        edges = np.cumsum([self._known.seen[counts] + 1 for counts in sets])
        place = int(np.searchsorted(edges, uniform * edges[-1], side="right"))
        return CountGrammar(space_group=group, counts=sets[place])

    def assignments(self, prototype: Prototype) -> Assignments:
        """Elements that may go on the roles of a template."""
        if prototype not in self._assignments:
            self._assignments[prototype] = self._assign(prototype)
        return self._assignments[prototype]

    def _assign(self, prototype: Prototype) -> Assignments:
        counts = counts_of(prototype)
        if self._is_listed(len(counts)):
            choices = self._choices(counts)
            if not self._takes_known and choices:
                new = [
                    choice
                    for choice in choices
                    if not is_known(prototype, choice, self.weights)
                ]
                # a new template may by chance be one that is known with all of them
                choices = tuple(new) or choices
            # a new template may have counts that nothing neutral has; it is replaced
            if choices:
                return ListedAssignments(choices=choices)
        if self.request.composition:
            [amounts] = [
                amounts
                for amounts in self.amounts
                if sum(amounts.values()) == sum(counts)
            ]
            return FormulaAssignments(amounts=dict(amounts), counts=counts)
        mask = np.zeros(N_NUMBERS, dtype=bool)
        mask[list(self.pool.elements)] = True
        return PoolAssignments(
            pool=mask, required=self.pool.required, n_roles=len(counts)
        )

    def _has_unknown(self, prototype: Prototype) -> bool:
        """Whether some composition on a prototype is not in the training data."""
        counts = counts_of(prototype)
        return not self._is_listed(len(counts)) or any(
            not is_known(prototype, choice, self.weights)
            for choice in self._choices(counts)
        )

    def _choices(self, counts: Counts) -> tuple[Counts, ...]:
        """All ways to put elements on roles with given counts."""
        if counts not in self._listed:
            found = (
                choice
                for system in self._systems(len(counts))
                for choice in orders_of(
                    system, counts, charge_neutral=self.request.charge_neutral
                )
            )
            if self.request.composition:
                found = (
                    choice
                    for choice in found
                    if dict(zip(choice, counts, strict=True)) in self.amounts
                )
            self._listed[counts] = tuple(found)
        return self._listed[counts]

    def _possible(self, sets: Sequence[Counts]) -> tuple[Counts, ...]:
        """Those of some counts that have a neutral composition, if that is wanted."""
        by_size: dict[int, list[Counts]] = {}
        for counts in sets:
            by_size.setdefault(len(counts), []).append(counts)
        kept: list[Counts] = []
        for n_elements, alike in by_size.items():
            if self.request.charge_neutral and self._is_listed(n_elements):
                neutral = some_neutral(alike, self._systems(n_elements))
                alike = [c for c, good in zip(alike, neutral, strict=True) if good]
            kept += alike
        return tuple(kept)

    def _systems(self, n_elements: int) -> list[tuple[int, ...]]:
        return systems_of(self.pool.elements, self.pool.required, n_elements)

    def _is_listed(self, n_elements: int) -> bool:
        """Whether the assignments to so many roles are few enough to be listed."""
        n_free = n_elements - len(self.pool.required)
        n_others = len(self.pool.elements) - len(self.pool.required)
        return comb(n_others, n_free) * factorial(n_elements) <= MOST_LISTED

    @property
    def _is_one_system(self) -> bool:
        return len(self.pool.required) == len(self.pool.elements)

    @property
    def _takes_known(self) -> bool:
        return self.request.allow_known or self.weights.has_one_element

    @cached_property
    def _known(self) -> KnownCounts:
        return KnownCounts(vocabulary=self.weights.vocabulary)
