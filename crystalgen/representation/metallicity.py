"""How metallic a composition is, and what SMACT tells of its elements.

The score is that of SMACT 4 (`smact.metallicity.metallicity_score`; Davies et al., J.
Open Source Softw. 4, 1361, 2019), number for number. SMACT's own function reads some
files for each element at each call, which is most of its time; here its data are in a
table in the package, which `scripts/build_element_table.py` wrote.
"""

import json
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from itertools import combinations
from typing import Any

import numpy as np

from crystalgen.representation.elements import ATOMIC_NUMBERS

IDEAL_VALENCE = 8.0
"""Valence electrons per atom of the most metallic compound."""
IONIC_MISMATCH = 3.0
"""Mean difference of electronegativities from which on nothing is metallic."""
MANY_METALS = 3
"""Metals from which on more of them make no difference."""
UNKNOWN = 0.5
"""Stands for what the data do not tell, in the middle between 0 and 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ElementFacts:
    """What SMACT tells of an element."""

    is_metal: bool
    """Whether it is on SMACT's list of metals."""
    is_d_block: bool
    """Whether it is on SMACT's list of the d block."""
    n_valence: int | None
    """Valence electrons, d electrons included."""
    electronegativity: float | None
    """By Pauling."""
    shares: tuple[tuple[int, float], ...]
    """Oxidation states but 0, ascending, with percent of the reports in the ICSD."""


@lru_cache(maxsize=1)
def element_facts() -> dict[int, ElementFacts]:
    """Facts of each element that SMACT knows, by atomic number.

    >>> element_facts()[11].shares
    ((1, 100.0),)
    """
    path = files("crystalgen.representation").joinpath("element_table.json")
    table: dict[str, dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    return {ATOMIC_NUMBERS[symbol]: _facts(**row) for symbol, row in table.items()}


def _facts(
    *,
    is_metal: bool,
    is_d_block: bool,
    n_valence: int | None,
    electronegativity: float | None,
    reports: dict[str, int],
) -> ElementFacts:
    total = sum(reports.values())
    shares = sorted((int(state), n / total * 100) for state, n in reports.items())
    return ElementFacts(
        is_metal=is_metal,
        is_d_block=is_d_block,
        n_valence=n_valence,
        electronegativity=electronegativity,
        shares=tuple(shares),
    )


def metallicity_score(species: tuple[int, ...], counts: tuple[int, ...]) -> float:
    """From 0, not metallic, to 1: SMACT's weighted sum of five signs of a metal.

    Args:
        species: Atomic numbers, each once.
        counts: Atoms of each.

    Raises:
        KeyError: SMACT does not know an element: those from rutherfordium on.

    >>> round(metallicity_score((13, 28), (1, 3)), 3)
    0.864
    """
    table = element_facts()
    facts = [table[number] for number in species]
    n_atoms = sum(counts)
    n_metals = sum(each.is_metal for each in facts)
    amounts = list(zip(facts, counts, strict=True))
    score = (
        0.3 * (sum(n for each, n in amounts if each.is_metal) / n_atoms)
        + 0.2 * (sum(n for each, n in amounts if each.is_d_block) / n_atoms)
        + 0.2 * min(n_metals / MANY_METALS, 1.0)
        + 0.15 * _valence_term([each.n_valence for each in facts], counts)
        + 0.15 * mismatch_term([each.electronegativity for each in facts])
    )
    return max(0.0, min(1.0, score))


def _valence_term(n_valence: list[int | None], counts: tuple[int, ...]) -> float:
    """How near the valence electrons per atom are to the ideal."""
    total = 0
    for each, count in zip(n_valence, counts, strict=True):
        if each is None:
            return UNKNOWN
        total += each * count
    return 1.0 - abs(total / sum(counts) - IDEAL_VALENCE) / IDEAL_VALENCE


def mismatch_term(electronegativities: list[float | None]) -> float:
    """How alike the electronegativities are, over all pairs of elements."""
    known = [each for each in electronegativities if each is not None]
    if len(known) < len(electronegativities):
        return UNKNOWN
    apart = [abs(one - other) for one, other in combinations(known, 2)]
    mismatch = float(np.mean(apart)) if apart else 0.0
    return 1.0 - min(mismatch / IONIC_MISMATCH, 1.0)
