import math
import warnings

from pymatgen.core import Element

from crystalgen.representation.elements import (
    ATOMIC_NUMBERS,
    BY_ELECTRONEGATIVITY,
    RANKS,
    SYMBOLS,
)


def test_symbols_are_those_of_the_periodic_table():
    assert tuple(Element.from_Z(z).symbol for z in range(1, 119)) == SYMBOLS
    assert ATOMIC_NUMBERS["Og"] == 118


def test_elements_are_ordered_by_pauling_electronegativity():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # no value for some elements
        values = [Element(symbol).X for symbol in BY_ELECTRONEGATIVITY]
    known = [value for value in values if not math.isnan(value)]
    assert known == sorted(known)
    assert all(math.isnan(value) for value in values[len(known) :])
    assert sorted(RANKS) == list(range(118))
    assert BY_ELECTRONEGATIVITY[RANKS[8 - 1]] == "O"
