"""Can a space group be had at all under a limit on atoms?

That its positions fit is not enough: atoms on 16a of Fd-3c (228) alone always have a
higher symmetry, whatever the cell. So sets of positions are filled with different
elements at arbitrary coordinates, the least symmetric way there is, and spglib judges.
"""

from collections.abc import Iterator
from itertools import islice

import numpy as np

from crystalgen.errors import GeometryError, SymmetryError
from crystalgen.representation.conversion import expand
from crystalgen.representation.crystal import SymmetricCrystal, free_parameters
from crystalgen.representation.legality import (
    END,
    legal_tokens,
    letter_rules,
    smallest_atoms,
)
from crystalgen.symmetry.detection import found_group
from crystalgen.symmetry.lattice import constrain
from crystalgen.symmetry.wyckoff import space_group

MAX_TEMPLATES = 200
"""Sets of positions that are tried before a group counts as out of reach."""
TRIES = 2
"""Arbitrary geometries of each set."""
SYMPREC = 1e-3
"""Tolerance in Å at which an arbitrary geometry must have its group."""
EDGE = 10.0
"""Typical cell edge of an arbitrary geometry, in Å."""

# fmt: off
FEWEST_ATOMS = (
    2, 1, 2, 4, 2, 2, 4, 2, 4, 1, 2, 1, 2, 4, 2, 4, 4, 4, 4, 4, 3, 2, 4, 4, 2, 4, 6, 4,
    8, 6, 4, 6, 8, 6, 2, 4, 4, 2, 4, 4, 6, 2, 4, 2, 6, 4, 1, 6, 4, 8, 2, 8, 4, 8, 4, 8,
    4, 4, 2, 8, 8, 4, 2, 4, 1, 4, 2, 6, 1, 2, 1, 4, 8, 2, 5, 4, 6, 4, 5, 4, 4, 4, 4, 4,
    8, 8, 4, 8, 8, 6, 4, 4, 6, 8, 4, 4, 5, 4, 2, 6, 6, 6, 10, 10, 4, 12, 2, 6, 4, 8, 4,
    8, 4, 8, 3, 8, 8, 6, 2, 8, 4, 4, 1, 8, 8, 16, 4, 8, 2, 12, 4, 4, 16, 6, 8, 4, 6, 8,
    1, 4, 2, 8, 4, 3, 3, 3, 6, 6, 6, 5, 3, 3, 3, 3, 3, 2, 4, 8, 8, 2, 6, 6, 12, 2, 10,
    1, 6, 7, 6, 6, 6, 6, 8, 3, 6, 6, 12, 6, 6, 3, 3, 8, 2, 14, 8, 4, 2, 6, 3, 6, 1, 12,
    6, 2, 10, 12, 10, 4, 4, 6, 16, 12, 24, 6, 8, 8, 24, 10, 24, 12, 12, 4, 4, 4, 4, 2,
    4, 14, 24, 6, 1, 48, 6, 6, 1, 24, 2, 24, 1, 8,
)
# fmt: on
"""Fewest atoms in the primitive cell of a crystal of each group, found once by
`search_fewest_atoms`; 222 has none up to 40, its general position has 48."""


def is_reachable(number: int, max_atoms: int) -> bool:
    """Whether some crystal of a space group has at most so many atoms.

    Args:
        number: Of the space group, 1 to 230.
        max_atoms: Most atoms in the primitive cell.
    """
    return FEWEST_ATOMS[number - 1] <= max_atoms


def search_fewest_atoms(number: int, max_atoms: int) -> int | None:
    """Fewest atoms in the primitive cell of any crystal with this very space group.

    Args:
        number: Of the space group, 1 to 230.
        max_atoms: Most atoms to try; None is returned if they do not suffice.
    """
    for n_atoms in range(smallest_atoms(number), max_atoms + 1):
        templates = islice(_templates(number, n_atoms), MAX_TEMPLATES)
        if any(keeps_group(number, wyckoff) for wyckoff in templates):
            return n_atoms
    return None


def keeps_group(number: int, wyckoff: tuple[int, ...]) -> bool:
    """Whether positions filled with different elements can have this very group.

    Args:
        number: Of the space group, 1 to 230.
        wyckoff: Index of the Wyckoff position of each orbit, non-decreasing.
    """
    rng = np.random.default_rng(number)
    system = space_group(number).crystal_system
    free = free_parameters(number)[list(wyckoff)]
    for _ in range(TRIES):
        cell = np.concatenate(
            [EDGE * rng.uniform(0.8, 1.3, 3), rng.uniform(75, 105, 3)]
        )
        crystal = SymmetricCrystal(
            space_group=number,
            wyckoff=wyckoff,
            species=tuple(range(1, len(wyckoff) + 1)),
            free_coords=rng.random(free.shape) * free,
            lattice_parameters=constrain(cell, system),
        )
        atoms = expand(crystal)
        try:
            found = found_group(
                atoms.lattice, atoms.frac_coords, atoms.numbers, symprec=SYMPREC
            )
        except (GeometryError, SymmetryError):
            continue
        if found == (number, len(atoms.numbers)):
            return True
    return False


def _templates(number: int, n_atoms: int) -> Iterator[tuple[int, ...]]:
    """Legal sets of positions with so many atoms, more general positions first."""
    rules = letter_rules(n_atoms, (n_atoms,))
    stack: list[tuple[int, ...]] = [()]
    while stack:
        letters = stack.pop()
        legal = legal_tokens(rules, number, letters)
        following = [
            letter for letter in np.flatnonzero(legal).tolist() if letter != END
        ]
        if letters and legal[END]:
            yield letters
        stack += [(*letters, letter) for letter in following]
