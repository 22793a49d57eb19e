"""Charge balance of many compositions of the same elements at once.

The same verdicts as `neutrality.is_neutral`, thousands of times faster: charges that an
element's atoms can add up to are intervals of whole numbers, so that it is enough to
ask whether 0 lies between the sums of their ends.
"""

from functools import lru_cache
from itertools import pairwise, product

import numpy as np
from jaxtyping import Bool, Float64, Int
from pymatgen.core import Element

from crystalgen.representation.metallicity import (
    IDEAL_VALENCE,
    MANY_METALS,
    UNKNOWN,
    element_facts,
    mismatch_term,
)
from crystalgen.representation.neutrality import (
    METALLICITY_LIMIT,
    NOBLE_GAS_PARTNERS,
    are_metals,
    less_usual_states_of,
    may_be_unusual,
    usual_states_of,
)

Options = tuple[tuple[int, int], ...]
"""Lowest and highest charge per atom, in each set of states that an element may mix."""
Choices = tuple[
    Int[np.ndarray, "choices elements"], Int[np.ndarray, "choices elements"]
]
"""Lowest and highest charge per atom of each element, in each choice of states."""

MARGIN = 1e-9
"""A score this close to the limit counts as below it, whatever its last bits."""


def are_neutral(
    species: tuple[int, ...], counts: Int[np.ndarray, "compositions elements"]
) -> Bool[np.ndarray, " compositions"]:
    """Whether usual oxidation states cancel, or the crystal is a metal.

    Args:
        species: Atomic numbers, each once.
        counts: Atoms of each in each composition.

    >>> are_neutral((11, 17), np.array([[1, 1], [2, 1]])).tolist()
    [True, False]
    """
    if len(species) == 1 or are_metals(species):
        return np.ones(len(counts), dtype=bool)
    if not all(map(_usual_options, species)):
        return np.zeros(len(counts), dtype=bool)
    verdicts = _are_balanced(counts, *_choices(species))
    unusual = [may_be_unusual(species, tuple(each)) for each in counts.tolist()]
    if any(unusual):
        verdicts |= np.array(unusual) & _are_balanced(counts, *_wider_choices(species))
    if any(Element.from_Z(number).is_noble_gas for number in species):
        return verdicts & (not NOBLE_GAS_PARTNERS.isdisjoint(species))
    return verdicts | (metallicity(species, counts) > METALLICITY_LIMIT + MARGIN)


def _are_balanced(
    counts: Int[np.ndarray, "compositions elements"],
    low: Int[np.ndarray, "choices elements"],
    high: Int[np.ndarray, "choices elements"],
) -> Bool[np.ndarray, " compositions"]:
    """Whether some choice of states can cancel."""
    return np.any((counts @ low.T <= 0) & (counts @ high.T >= 0), axis=1)


@lru_cache(maxsize=1 << 14)
def _choices(species: tuple[int, ...]) -> Choices:
    """Those of usual states."""
    return _following(species, [_usual_options(number) for number in species])


@lru_cache(maxsize=1 << 10)
def _wider_choices(species: tuple[int, ...]) -> Choices:
    """Those of less usual states, too."""
    elements = [Element.from_Z(number) for number in species]
    return _following(
        species, [_runs(each, less_usual_states_of(each)) for each in elements]
    )


def _following(species: tuple[int, ...], options: list[Options]) -> Choices:
    """Choices in which no cation is more electronegative than an anion (Pauling)."""
    electronegativity = [Element.from_Z(number).X for number in species]
    kept: list[Options] = []
    for choice in product(*options):
        pairs = list(zip(electronegativity, choice, strict=True))
        cations = [value for value, (low, _) in pairs if low > 0]
        anions = [value for value, (low, _) in pairs if low < 0]
        if cations and anions and max(cations) <= min(anions):
            kept.append(choice)
    table = np.array(kept, dtype=np.int64).reshape(-1, len(species), 2)
    return table[..., 0], table[..., 1]


@lru_cache(maxsize=128)
def _usual_options(number: int) -> Options:
    """Those of the usual states of an element."""
    element = Element.from_Z(number)
    return _runs(element, usual_states_of(element))


def _runs(element: Element, states: tuple[int, ...]) -> Options:
    """Lowest and highest charge per atom of each set of states an element may mix.

    Transition metals and lanthanides mix neighbouring positive states, and then any
    whole number in between is the charge of all their atoms together.
    """
    ascending = sorted(states)
    if not (element.is_transition_metal or element.is_lanthanoid):
        return tuple((state, state) for state in ascending)
    runs: list[list[int]] = [ascending[:1]] if ascending else []
    for before, state in pairwise(ascending):
        if before > 0 and state == before + 1:
            runs[-1].append(state)
        else:
            runs.append([state])
    return tuple((run[0], run[-1]) for run in runs)


def metallicity(
    species: tuple[int, ...], counts: Int[np.ndarray, "compositions elements"]
) -> Float64[np.ndarray, " compositions"]:
    """`metallicity_score` of many compositions, but for the last bits.

    Args:
        species: Atomic numbers, each once.
        counts: Atoms of each in each composition.

    Raises:
        KeyError: SMACT does not know an element: those from rutherfordium on.
    """
    facts = [element_facts()[number] for number in species]
    share = counts / counts.sum(axis=1, keepdims=True)
    is_metal = np.array([each.is_metal for each in facts], dtype=float)
    in_d_block = np.array([each.is_d_block for each in facts], dtype=float)
    valence = [each.n_valence for each in facts]
    electrons = np.full(len(counts), UNKNOWN)
    if None not in valence:
        mean = share @ np.array(valence, dtype=float)
        electrons = 1 - abs(mean - IDEAL_VALENCE) / IDEAL_VALENCE
    return (
        share @ (0.3 * is_metal + 0.2 * in_d_block)
        + 0.2 * min(is_metal.sum() / MANY_METALS, 1)
        + 0.15 * electrons
        + 0.15 * mismatch_term([each.electronegativity for each in facts])
    ).clip(0, 1)
