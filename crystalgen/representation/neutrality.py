"""Charge balance of a composition, checked inside the draw.

Metals need no balance. Elsewhere each element takes one of its usual oxidation states
(two neighbouring ones for metals of mixed valence) so that the charges cancel and the
more electronegative elements are the negative ones (Pauling's rule). Stricter than
asking for some states to cancel: rare states are left out.

Not so in compounds of metals with boron, silicon and the like. Atoms of these bind each
other, as the chains of silicon in CaSi or the pairs of phosphorus in VP2 do, and then
take up whatever charge the metals give them (Zintl; Schäfer, Eisenmann and Müller,
Angew. Chem. Int. Ed. 12, 694, 1973): there less usual states will do.

Noble gases make no metals, though the score of metals does not know that: YbFe4Kr has
0.73. Their known compounds hold fluorine or oxygen, as XeF2, XeO3 and KrF2 do.
"""

from collections.abc import Iterator
from functools import lru_cache

from pymatgen.core import Element

from crystalgen.representation.elements import SYMBOLS
from crystalgen.representation.metallicity import element_facts, metallicity_score

METALLICITY_LIMIT = 0.7
"""Metallicity score (SMACT, 0 to 1) above which charges need no balance."""
NOBLE_GAS_PARTNERS = frozenset((8, 9))
"""Oxygen and fluorine, one of which every compound of a noble gas must hold."""
MIN_SHARE = 2.0
"""Percent of an element's entries in the ICSD below which a state is unusual."""
MIN_SHARE_BONDED = 0.5
"""The same where elements bond themselves."""
BOND_THEMSELVES = frozenset((5, 14, 15, 32, 33, 51))
"""Boron, silicon, phosphorus, germanium, arsenic and antimony."""
METALS_BESIDE = 1 / 3
"""Share of metals from which on elements beside these may hold unusual states."""


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
    states = (
        less_usual_states_of if may_be_unusual(species, counts) else usual_states_of
    )
    is_balanced = _can_cancel(elements, counts, [states(each) for each in elements])
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


def may_be_unusual(species: tuple[int, ...], counts: tuple[int, ...]) -> bool:
    """Whether metals stand beside an element that bonds itself, so many that it will.

    Args:
        species: Atomic numbers, each once.
        counts: Atoms of each.

    >>> may_be_unusual((20, 14), (1, 1)), may_be_unusual((14, 8), (1, 2))
    (True, False)
    """
    if BOND_THEMSELVES.isdisjoint(species):
        return False
    metals = _metals()
    n_metals = sum(n for z, n in zip(species, counts, strict=True) if metals[z])
    return n_metals >= METALS_BESIDE * sum(counts)


def _can_cancel(
    elements: list[Element], counts: tuple[int, ...], states: list[tuple[int, ...]]
) -> bool:
    """Whether some states add up to zero and follow the electronegativities.

    They follow them if for some electronegativity no cation has more and no anion less.
    """
    for limit in {each.X for each in elements}:
        sums = {0}
        for element, count, known in zip(elements, counts, states, strict=True):
            attracts = element.X
            charges = {
                charge
                for charge in _charges(element, count, known)
                if (attracts <= limit if charge > 0 else attracts >= limit)
            }
            sums = {total + charge for total in sums for charge in charges}
        if 0 in sums:
            return True
    return False


def _charges(element: Element, count: int, states: tuple[int, ...]) -> Iterator[int]:
    """Total charges that all atoms of an element can have."""
    for state in states:
        yield state * count
    if not (element.is_transition_metal or element.is_lanthanoid):
        return
    for state in states:
        if state > 0 and state + 1 in states:
            yield from range(state * count + 1, (state + 1) * count)


def usual_states_of(element: Element) -> tuple[int, ...]:
    """Usual oxidation states of an element; pymatgen's where SMACT has none."""
    return usual_states().get(element.symbol, element.common_oxidation_states)


@lru_cache(maxsize=118)
def less_usual_states_of(element: Element) -> tuple[int, ...]:
    """Usual states and rarer ones; the usual ones alone where SMACT has none."""
    facts = element_facts().get(element.Z)
    shares = () if facts is None else facts.shares
    states = tuple(state for state, share in shares if share >= MIN_SHARE_BONDED)
    return states or usual_states_of(element)
