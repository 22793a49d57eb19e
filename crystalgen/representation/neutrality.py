"""Charge balance of a composition, checked inside the draw.

Metals need no balance. Elsewhere each element takes one of its usual oxidation states
(two neighbouring ones for metals of mixed valence) so that the charges cancel and the
more electronegative elements are the negative ones (Pauling's rule). Stricter than
asking for some states to cancel: rare states are left out.

Noble gases make no metals, though the score of metals does not know that: YbFe4Kr has
0.73. Their known compounds hold fluorine or oxygen, as XeF2, XeO3 and KrF2 do.
"""

from collections.abc import Iterator
from functools import lru_cache
from itertools import product

from pymatgen.core import Element

from crystalgen.representation.elements import SYMBOLS
from crystalgen.representation.metallicity import element_facts, metallicity_score

METALLICITY_LIMIT = 0.7
"""Metallicity score (SMACT, 0 to 1) above which charges need no balance."""
NOBLE_GAS_PARTNERS = frozenset((8, 9))
"""Oxygen and fluorine, one of which every compound of a noble gas must hold."""
MIN_SHARE = 2.0
"""Percent of an element's entries in the ICSD below which a state is unusual."""


@lru_cache(maxsize=200_000)
def is_neutral(species: tuple[int, ...], counts: tuple[int, ...]) -> bool:
    """Whether usual oxidation states of the elements cancel, or the crystal is a metal.

    Args:
        species: Atomic numbers, each once.
        counts: Atoms of each.

    >>> is_neutral((11, 17), (1, 1)), is_neutral((11, 17), (2, 1))
    (True, False)
    """
    elements = [_element(number) for number in species]
    if len(elements) == 1 or are_metals(species):
        return True
    if not all(usual_states_of(element) for element in elements):
        return False  # helium, neon and argon; no score of metals knows them either
    is_noble = any(element.is_noble_gas for element in elements)
    if is_noble and not NOBLE_GAS_PARTNERS.intersection(species):
        return False
    options = [
        list(_charges(element, count))
        for element, count in zip(elements, counts, strict=True)
    ]
    is_balanced = any(
        sum(total for _, total in choice) == 0
        and _follows_electronegativity(elements, [state for state, _ in choice])
        for choice in product(*options)
    )
    return is_balanced or (not is_noble and is_metallic(species, counts))


def are_metals(species: tuple[int, ...]) -> bool:
    """Whether all elements are metals.

    >>> are_metals((13, 28)), are_metals((11, 17))
    (True, False)
    """
    return all(_metals()[number] for number in species)


@lru_cache(maxsize=118)
def _element(number: int) -> Element:
    return Element(SYMBOLS[number - 1])


@lru_cache(maxsize=1)
def _metals() -> tuple[bool, ...]:
    numbers = range(1, 119)
    return (False, *(bool(_element(number).is_metal) for number in numbers))


def is_metallic(species: tuple[int, ...], counts: tuple[int, ...]) -> bool:
    """Whether the elements make a metal, by SMACT's metallicity score."""
    return metallicity_score(species, counts) > METALLICITY_LIMIT


@lru_cache(maxsize=1)
def usual_states() -> dict[str, tuple[int, ...]]:
    """Usual oxidation states of each element, without zero, from SMACT's ICSD count."""
    usual = {
        SYMBOLS[number - 1]: tuple(s for s, share in facts.shares if share >= MIN_SHARE)
        for number, facts in element_facts().items()
    }
    return {symbol: states for symbol, states in usual.items() if states}


def _charges(element: Element, count: int) -> Iterator[tuple[float, int]]:
    """Mean state and total charge of all atoms of an element."""
    states = usual_states_of(element)
    for state in states:
        yield float(state), state * count
    if not (element.is_transition_metal or element.is_lanthanoid):
        return
    for state in states:
        if state > 0 and state + 1 in states:
            for raised in range(1, count):
                total = state * count + raised
                yield total / count, total


def usual_states_of(element: Element) -> tuple[int, ...]:
    """Usual oxidation states of an element; pymatgen's where SMACT has none."""
    return usual_states().get(element.symbol, element.common_oxidation_states)


def _follows_electronegativity(elements: list[Element], states: list[float]) -> bool:
    """Whether each positive element is less electronegative than each negative one."""
    positive = [e.X for e, state in zip(elements, states, strict=True) if state > 0]
    negative = [e.X for e, state in zip(elements, states, strict=True) if state < 0]
    return bool(positive and negative) and max(positive) <= min(negative)
