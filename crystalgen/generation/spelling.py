"""How elements, formulas and crystal systems are written in a request."""

import re
from collections.abc import Iterable
from difflib import get_close_matches
from functools import reduce
from math import gcd
from typing import get_args

from pymatgen.core import Composition

from crystalgen.errors import RequestError
from crystalgen.representation.elements import ATOMIC_NUMBERS, SYMBOLS
from crystalgen.symmetry.wyckoff import CrystalSystem

CRYSTAL_SYSTEMS: tuple[str, ...] = get_args(CrystalSystem)
"""Names of the crystal systems."""


def normal_symbols(symbols: Iterable[str], *, where: str) -> tuple[str, ...]:
    """Symbols of elements as the periodic table writes them, each once.

    Args:
        symbols: In any case.
        where: What they are for, to begin a message with.

    Raises:
        RequestError: There is no such element.

    >>> normal_symbols(["li", "FE", "Li"], where="elements")
    ('Li', 'Fe')
    """
    return tuple(dict.fromkeys(_symbol(text, where) for text in symbols))


def _symbol(text: str, where: str) -> str:
    symbol = text.strip().capitalize()
    if symbol in ATOMIC_NUMBERS:
        return symbol
    near = get_close_matches(symbol, SYMBOLS, n=3, cutoff=0.4)
    fix = f"did you mean {' or '.join(near)}?" if near else "expected one such as Fe"
    raise RequestError(f"{where}: there is no element {text.strip()!r}; {fix}")


def formula_counts(formula: str) -> dict[str, int]:
    """Atoms of each element in a formula as it is written.

    Raises:
        RequestError: It is no formula, or its amounts are not whole.

    >>> formula_counts("Ca(OH)2")
    {'Ca': 1, 'O': 2, 'H': 2}
    """
    text = formula.strip()
    for symbol in re.findall(r"[A-Z][a-z]*", text):
        _symbol(symbol, "formula")
    if not re.fullmatch(r"[A-Za-z0-9().\[\]{}]+", text):
        raise RequestError(
            f"formula: cannot read {formula!r}; write it like LiFePO4 or Ca(OH)2"
        )
    try:
        amounts = Composition(text).get_el_amt_dict()
    except ValueError as error:
        raise RequestError(
            f"formula: cannot read {formula!r}; write it like LiFePO4 or Ca(OH)2, with "
            "capitals as in the periodic table"
        ) from error
    if not amounts or any(amount % 1 or amount < 1 for amount in amounts.values()):
        raise RequestError(
            f"formula: got {formula!r}; expected whole numbers of atoms, at least 1"
        )
    normal_symbols(amounts, where="formula")
    return {symbol: int(amount) for symbol, amount in amounts.items()}


def anonymous_counts(pattern: str) -> tuple[int, ...]:
    """Amounts in a formula without elements, ascending, without a common factor.

    Raises:
        RequestError: It is no such formula.

    >>> anonymous_counts("A2B6C2"), anonymous_counts("AB")
    ((1, 1, 3), (1, 1))
    """
    parts = re.findall(r"([A-Z])(\d*)", pattern)
    letters = [letter for letter, _ in parts]
    counts = [int(amount or 1) for _, amount in parts]
    is_whole = "".join(letter + amount for letter, amount in parts) == pattern
    if not (parts and is_whole and all(counts) and len(set(letters)) == len(letters)):
        raise RequestError(
            f"anonymous formula: got {pattern!r}; expected different capital letters "
            "with amounts, for example ABC3 for the perovskites"
        )
    common = reduce(gcd, counts)
    return tuple(sorted(count // common for count in counts))


def anonymous_formula(counts: Iterable[int]) -> str:
    """The formula without elements of some amounts, as pymatgen writes it.

    >>> anonymous_formula([4, 2, 2])
    'ABC2'
    """
    amounts = sorted(counts)
    common = reduce(gcd, amounts)
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    return "".join(
        letter + (str(amount // common) if amount > common else "")
        for letter, amount in zip(letters, amounts, strict=False)
    )


def normal_systems(names: Iterable[str]) -> tuple[str, ...]:
    """Names of crystal systems, each once.

    Raises:
        RequestError: There is no such system.
    """
    chosen = tuple(dict.fromkeys(name.strip().lower() for name in names))
    for name in chosen:
        if name not in CRYSTAL_SYSTEMS:
            near = get_close_matches(name, CRYSTAL_SYSTEMS, n=1)
            fix = f"did you mean {near[0]}?" if near else ""
            raise RequestError(
                f"crystal system: got {name!r}; "
                f"{fix or 'expected ' + ', '.join(CRYSTAL_SYSTEMS)}"
            )
    return chosen
