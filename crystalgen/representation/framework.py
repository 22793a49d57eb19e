"""Labels of the framework of a crystal, with and without its elements.

A framework is a space group, the Wyckoff positions, and which of them share an element:
the anonymised prototype. Crystals of one framework are substitutions of each other, up
to their free parameters.
"""

from functools import lru_cache

from crystalgen.representation.crystal import SymmetricCrystal
from crystalgen.representation.elements import SYMBOLS
from crystalgen.symmetry.normalizer import coset_letters
from crystalgen.symmetry.wyckoff import LETTERS

Roles = tuple[tuple[tuple[int, ...], int], ...]
"""For each element the Wyckoff positions it is on, and its atomic number or 0."""


def framework(crystal: SymmetricCrystal) -> str:
    """The anonymised prototype: equal for substitutions of one another.

    Which element is named first has no influence, as the positions of an element are
    written together, and of all equivalent descriptions under the affine normalizer
    the smallest is taken. (For groups 1 to 15, only among those with the cell given:
    frameworks of these may rarely be counted as two.)

    Args:
        crystal: In its canonical description.
    """
    smallest = _smallest(
        crystal.space_group, crystal.wyckoff, crystal.species, is_anonymous=True
    )
    return _spelled(crystal.space_group, smallest)


def protostructure(crystal: SymmetricCrystal) -> str:
    """The framework with an element on each of its positions.

    Args:
        crystal: In its canonical description.
    """
    return protostructure_of(crystal.space_group, crystal.wyckoff, crystal.species)


def protostructure_of(
    space_group: int, wyckoff: tuple[int, ...], species: tuple[int, ...]
) -> str:
    """The protostructure of a crystal whose geometry is not known yet.

    Args:
        space_group: Number of the group.
        wyckoff: Index of the position of each orbit, 0 for a.
        species: Atomic number on each orbit.
    """
    smallest = _smallest(space_group, wyckoff, species, is_anonymous=False)
    return _spelled(space_group, smallest)


def _smallest(
    space_group: int,
    wyckoff: tuple[int, ...],
    species: tuple[int, ...],
    *,
    is_anonymous: bool,
) -> Roles:
    elements = sorted(set(species))
    return min(
        tuple(
            sorted(
                (_letters_of(element, renamed, species), 0 if is_anonymous else element)
                for element in elements
            )
        )
        for renamed in _smallest_letters(space_group, wyckoff)
    )


def _letters_of(
    element: int, wyckoff: tuple[int, ...], species: tuple[int, ...]
) -> tuple[int, ...]:
    """Positions of the orbits that an element is on, in order."""
    pairs = zip(wyckoff, species, strict=True)
    return tuple(sorted(letter for letter, other in pairs if other == element))


@lru_cache(maxsize=50_000)
def _smallest_letters(
    space_group: int, wyckoff: tuple[int, ...]
) -> tuple[tuple[int, ...], ...]:
    """Equivalent names of the positions of all orbits, those that come first in order.

    Which elements are where decides among them only, so all substitutions on the same
    positions share this look-up.
    """
    names = {tuple(range(len(LETTERS)))}
    names |= {tuple(row) for row in coset_letters(space_group).tolist()}
    renamed = {tuple(letters[index] for index in wyckoff) for letters in names}
    smallest = min(map(sorted, renamed))
    return tuple(each for each in renamed if sorted(each) == smallest)


def _spelled(space_group: int, roles: Roles) -> str:
    parts = [
        (f"{SYMBOLS[number - 1]}=" if number else "")
        + ".".join(LETTERS[letter] for letter in letters)
        for letters, number in roles
    ]
    return f"{space_group}:{'/'.join(parts)}"
