"""What a user asks of a lattice, as one value."""

from dataclasses import dataclass
from math import prod
from typing import Literal

from pymatgen.core import Composition
from pymatgen.core.composition import CompositionError

from crystalgen.errors import RequestError
from crystalgen.representation.elements import ATOMIC_NUMBERS

Cell = Literal["unchanged", "rescaled"]
"""The cell of the host, or the same with the volume that the new elements need."""
Symmetry = Literal["kept", "lowered"]
"""Sites that are equivalent in the host stay so, or each atom is a site of its own."""
Sharing = Literal["together", "apart"]
"""Whether open sites that share an element in the host go on sharing one."""
MAX_CELLS = 64
"""Cells of the largest supercell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DecorationRequest:
    """Which sites of a host get other elements, and which elements.

    Raises:
        RequestError: A value is out of range, or is no element or formula.
    """

    n: int = 100
    """Most decorations wanted."""
    sites: tuple[str, ...] = ()
    """Open sites, each an element of the host ("Fe") or a Wyckoff position ("2b");
    empty for all sites."""
    keep: tuple[str, ...] = ()
    """Elements of the host whose sites are never open."""
    elements: tuple[str, ...] = ()
    """Elements that open sites may hold; empty for all that the model knows."""
    formula: str = ""
    """Reduced formula of the whole crystal; empty for any."""
    sharing: Sharing = "together"
    cell: Cell = "unchanged"
    supercell: tuple[int, int, int] = (1, 1, 1)
    """Multiples of the three vectors of the host's cell as it was given."""
    symmetry: Symmetry = "kept"
    temperature: float = 1.0
    """Of the draws where decorations are too many to try them all."""
    allow_known: bool = False
    """Also crystals with the group, positions and elements of a training crystal."""

    def __post_init__(self) -> None:
        if self.n < 1:
            raise RequestError(f"n: got {self.n}; expected at least 1 decoration")
        for symbol in (*self.keep, *self.elements):
            check_element(symbol)
        if min(self.supercell) < 1 or prod(self.supercell) > MAX_CELLS:
            raise RequestError(
                f"supercell: got {','.join(map(str, self.supercell))}; expected three "
                f"positive multiples, for example 2,2,1, and {MAX_CELLS} cells at most"
            )
        if not 0 < self.temperature <= 10:
            raise RequestError(
                f"temperature: got {self.temperature}; expected a number above 0 and "
                "up to 10"
            )
        if self.formula:
            parse_formula(self.formula)


def check_element(symbol: str) -> None:
    """Refuse what is no element.

    Raises:
        RequestError: It is none.
    """
    if symbol not in ATOMIC_NUMBERS:
        raise RequestError(
            f"element: got {symbol!r}; expected a symbol from H to Og, for example Fe"
        )


def parse_formula(formula: str) -> dict[int, int]:
    """Atoms of each element (by atomic number) in the reduced formula.

    Raises:
        RequestError: The text is no formula of whole numbers of atoms.

    >>> parse_formula("Li2Fe2O4") == {3: 1, 26: 1, 8: 2}
    True
    """
    try:
        reduced = Composition(formula, strict=True).reduced_composition
        counts = {str(symbol): amount for symbol, amount in reduced.items()}
    except (CompositionError, ValueError) as error:
        raise RequestError(
            f"formula: got {formula!r}; expected elements and numbers, for example "
            "LiFeO2"
        ) from error
    for symbol in counts:
        check_element(symbol)
    if not counts or any(amount != int(amount) for amount in counts.values()):
        raise RequestError(
            f"formula: got {formula!r}; expected whole numbers of atoms, for example "
            "Li3Fe2O6"
        )
    return {ATOMIC_NUMBERS[symbol]: int(amount) for symbol, amount in counts.items()}
