"""Which assignments of elements to roles there are: all of them, if not too many."""

from collections.abc import Iterator, Mapping
from itertools import product
from math import prod

import numpy as np

from crystalgen.decoration.request import parse_formula
from crystalgen.decoration.sites import Assignment, Sites
from crystalgen.errors import RequestError

MOST = 2000
"""Assignments up to which all are tried."""


def all_assignments(sites: Sites) -> list[Assignment] | None:
    """Every allowed assignment; None if there are more than `MOST`."""
    if prod(len(each) for each in sites.options) > MOST:
        return None
    return [each for each in product(*sites.options) if sites.is_allowed(each)]


def with_formula(sites: Sites, formula: str, *, seed: int) -> list[Assignment]:
    """Assignments that give a crystal this reduced formula.

    All of them up to `MOST`; of more, `MOST` found in random order.

    Raises:
        RequestError: There is none.
    """
    counts = _counts(sites, formula)
    every: list[Assignment] = []
    for found in _solutions(sites, counts, np.random.default_rng(seed)):
        every.append(found)
        if len(every) > MOST:
            break
    if not every:
        raise RequestError(
            f"formula: {formula} cannot be reached with the open sites and elements; "
            "open more sites, or decorate them apart"
        )
    if len(every) <= MOST:
        return sorted(every)
    # solutions come in families that share all but the last roles: restart each time
    drawn = {
        next(_solutions(sites, counts, np.random.default_rng((seed, number))))
        for number in range(MOST)
    }
    return sorted(drawn)


def _counts(sites: Sites, formula: str) -> dict[int, int]:
    """Atoms of each element that the cell must hold."""
    unit = parse_formula(formula)
    n_atoms, n_unit = sum(sites.sizes), sum(unit.values())
    if n_atoms % n_unit:
        raise RequestError(
            f"formula: got {formula} with {n_unit} atoms, which do not fill the "
            f"{n_atoms} sites of the cell evenly; ask for a larger supercell"
        )
    return {number: count * n_atoms // n_unit for number, count in unit.items()}


def _solutions(
    sites: Sites, counts: Mapping[int, int], rng: np.random.Generator
) -> Iterator[Assignment]:
    """All assignments with given counts, large roles first, elements shuffled."""
    order = rng.permutation(len(sites.sizes))
    order = order[np.argsort([-sites.sizes[role] for role in order], kind="stable")]
    left = dict(counts)
    chosen = [0] * len(order)

    def fill(place: int) -> Iterator[Assignment]:
        if place == len(order):
            if sites.is_allowed(tuple(chosen)):
                yield tuple(chosen)
            return
        role = int(order[place])
        fitting = [each for each in sites.options[role] if each in left]
        for number in rng.permutation(fitting).tolist():
            if left[number] >= sites.sizes[role]:
                left[number] -= sites.sizes[role]
                chosen[role] = number
                yield from fill(place + 1)
                left[number] += sites.sizes[role]

    return fill(0)
