"""Which assignments of elements to roles there are: all of them, if not too many."""

from collections.abc import Iterator, Mapping
from itertools import product
from math import prod
from random import Random

from crystalgen.decoration.request import parse_formula
from crystalgen.decoration.sites import Assignment, Sites
from crystalgen.errors import RequestError

MOST = 8000
"""Assignments up to which all are tried: two roles with any two elements."""
MOST_OF_FORMULA = 2000
"""The same where the formula is given, as their symmetry is sought one by one."""


def all_assignments(sites: Sites) -> list[Assignment] | None:
    """Every allowed assignment; None if there are more than `MOST`.

    Raises:
        RequestError: There is none.
    """
    if prod(len(each) for each in sites.options) > MOST:
        return None
    every = [each for each in product(*sites.options) if sites.is_allowed(each)]
    if not every:
        raise RequestError(
            "elements: too few for sites that differ in the host to differ still; "
            "name more, or decorate the sites apart"
        )
    return every


def with_formula(sites: Sites, formula: str, *, seed: int) -> list[Assignment]:
    """Assignments that give a crystal this reduced formula.

    All of them up to `MOST_OF_FORMULA`; of more, that many, found at random.

    Raises:
        RequestError: There is none.
    """
    counts = _counts(sites, formula)
    every: list[Assignment] = []
    for found in _solutions(sites, counts, Random(seed)):
        every.append(found)
        if len(every) > MOST_OF_FORMULA:
            break
    if not every:
        raise RequestError(
            f"formula: {formula} cannot be reached with the open sites and elements; "
            "open more sites, or decorate them apart"
        )
    if len(every) <= MOST_OF_FORMULA:
        return sorted(every)
    # solutions come in families that share all but the last roles: restart each time
    rng = Random(seed)
    drawn = {next(_solutions(sites, counts, rng)) for _ in range(MOST_OF_FORMULA)}
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
    sites: Sites, counts: Mapping[int, int], rng: Random
) -> Iterator[Assignment]:
    """All assignments with given counts, large roles first, elements shuffled."""
    order = rng.sample(range(len(sites.sizes)), len(sites.sizes))
    order.sort(key=lambda role: -sites.sizes[role])
    left = dict(counts)
    chosen = [0] * len(order)

    def fill(place: int) -> Iterator[Assignment]:
        if place == len(order):
            if sites.is_allowed(tuple(chosen)):
                yield tuple(chosen)
            return
        role = order[place]
        fitting = [each for each in sites.options[role] if each in left]
        for number in rng.sample(fitting, len(fitting)):
            if left[number] >= sites.sizes[role]:
                left[number] -= sites.sizes[role]
                chosen[role] = number
                yield from fill(place + 1)
                left[number] += sites.sizes[role]

    return fill(0)
