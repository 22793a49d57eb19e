"""Can the charges of a crystal balance? The charge check of LeMat-GenBench.

Written from the benchmark's published definition (LeMat-GenBench, LeMaterial 2025):
metals need no balance; else the bond valences decide (O'Keeffe and Brese,
J. Am. Chem. Soc. 113, 3226, 1991; pymatgen's ``BVAnalyzer``); else the composition
alone, from the oxidation states seen in the ICSD (SMACT's table of 2024). The
benchmark ranks the last by frequencies of its own, which change no verdict.
"""

from collections.abc import Iterable
from enum import Enum
from functools import lru_cache
from itertools import product

import numpy as np
from pymatgen.analysis.bond_valence import ELECTRONEG, BVAnalyzer
from pymatgen.core import Composition, Element, Structure
from smact.metallicity import metallicity_score
from smact.utils.oxidation import ICSD24OxStatesFilter
from smact.utils.species import parse_spec

METALLICITY_LIMIT = 0.7
"""Metallicity score (SMACT, 0 to 1) above which charges need no balance."""

CHARGE_LIMIT = 0.1
"""Largest charge of a cell, in electrons, that counts as neutral."""

ELECTRONEGATIVE = frozenset(element.symbol for element in ELECTRONEG)
"""Elements that make a bond polar (O'Keeffe and Brese 1991)."""
NEAREST_SHELL = 1.1
"""Neighbours up to this multiple of the shortest distance are bonded."""


class ChargeEvidence(Enum):
    """Why the charges of a crystal can balance, strongest evidence first."""

    METALLIC = "its elements make a metal"
    NO_POLAR_BOND = "no bond is polar"
    BOND_VALENCE = "bond valences give oxidation states that sum to zero"
    COMPOSITION = "known oxidation states of its elements can sum to zero"
    NONE = "no assignment of oxidation states is neutral"


def charge_evidence(structure: Structure) -> ChargeEvidence:
    """Find the first reason for the charges of an ordered structure to balance."""
    composition = structure.composition
    try:
        metallicity = metallicity_score(Composition(composition.formula))
    except KeyError:  # SMACT holds no data of an element, for example of oganesson
        return ChargeEvidence.NONE
    if metallicity > METALLICITY_LIMIT:
        return ChargeEvidence.METALLIC
    if not has_polar_bond(structure):
        return ChargeEvidence.NO_POLAR_BOND
    try:
        charge = float(np.sum(BVAnalyzer().get_valences(structure)))
    except (ValueError, KeyError):  # no assignment, or no parameters for an element
        charge = np.inf
    if abs(charge) <= CHARGE_LIMIT:
        return ChargeEvidence.BOND_VALENCE
    if can_be_neutral(composition):
        return ChargeEvidence.COMPOSITION
    return ChargeEvidence.NONE


def has_polar_bond(structure: Structure) -> bool:
    """Whether an atom and one of its nearest neighbours are of polar elements.

    Two different elements are polar if one of them is electronegative. Neighbours
    are the atoms up to 1.1 times the shortest distance of each atom.
    """
    symbols = np.array([site.specie.symbol for site in structure])
    electronegative = np.isin(symbols, list(ELECTRONEGATIVE))
    center, neighbour, distance = _neighbours(structure)
    shortest = np.full(len(structure), np.inf)
    np.minimum.at(shortest, center, distance)
    bonded = distance < NEAREST_SHELL * shortest[center]
    differ = symbols[center] != symbols[neighbour]
    polar = electronegative[center] | electronegative[neighbour]
    return bool(np.any(bonded & differ & polar))


def _neighbours(structure: Structure) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pairs of atoms that hold the whole nearest shell of each atom."""
    radius = 4.0
    while True:
        center, neighbour, _, distance = structure.get_neighbor_list(radius)
        near = distance * NEAREST_SHELL <= radius
        if len(np.unique(center[near])) == len(structure):
            return center, neighbour, distance
        radius *= 1.5


def can_be_neutral(composition: Composition) -> bool:
    """Whether known oxidation states of the elements can sum to zero.

    Atoms of one element may differ by one at most. States seen in the ICSD are
    tried first, then all that pymatgen lists, provided that the sum which follows
    the electronegativities best gives the electropositive elements the higher
    states.

    >>> can_be_neutral(Composition("Fe3O4")), can_be_neutral(Composition("NaMg"))
    (True, False)
    """
    counts = {
        Element(symbol): round(count)
        for symbol, count in composition.reduced_composition.get_el_amt_dict().items()
    }
    icsd = icsd_oxidation_states()
    common = [
        element_sums(icsd.get(each.symbol) or each.icsd_oxidation_states, count)
        for each, count in counts.items()
    ]
    if any(True for _ in _neutral(common)):
        return True
    every = [
        element_sums(each.oxidation_states, count) for each, count in counts.items()
    ]
    electronegativity = np.array([each.X for each in counts])
    amounts = np.array(list(counts.values()))
    correlations = [
        _correlation(np.array(sums) / amounts, electronegativity)
        for sums in _neutral(every)
    ]
    return bool(correlations) and min(correlations) < 0


def element_sums(states: Iterable[int], count: int) -> list[int]:
    """Sums other than zero that ``count`` atoms of one element can have.

    >>> element_sums([2, 3], 3)
    [6, 7, 8, 9]
    """
    known = set(states)
    sums = {
        n * state + (count - n) * (state + 1)
        for state in known
        for n in range(count + 1)
        if n == count or state + 1 in known
    }
    return sorted(sums - {0})


@lru_cache(maxsize=1)
def icsd_oxidation_states() -> dict[str, tuple[int, ...]]:
    """Oxidation states other than zero with at least three reports in the ICSD.

    By element symbol, from SMACT's count of the ICSD of 2024.
    """
    states: dict[str, list[int]] = {}
    for species in ICSD24OxStatesFilter().get_species_list():
        symbol, charge = parse_spec(species)
        states.setdefault(symbol, []).append(charge)
    return {symbol: tuple(charges) for symbol, charges in states.items()}


def _neutral(sums: list[list[int]]) -> Iterable[tuple[int, ...]]:
    """Choices of one sum per element that add up to zero."""
    *rest, last = sums
    closing = set(last)
    for chosen in product(*rest):
        if -sum(chosen) in closing:
            yield (*chosen, -sum(chosen))


def _correlation(states: np.ndarray, electronegativity: np.ndarray) -> float:
    """Pearson's coefficient; a constant or an unknown side counts as none."""
    deviations = states - states.mean(), electronegativity - electronegativity.mean()
    scale = np.linalg.norm(deviations[0]) * np.linalg.norm(deviations[1])
    if not scale > 0:
        return 0.0
    return float(deviations[0] @ deviations[1] / scale)
