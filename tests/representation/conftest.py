"""Random crystals of all groups, for laws that must hold for each of them."""

import numpy as np
import pytest

from crystalgen.representation.crystal import SymmetricCrystal, free_parameters
from crystalgen.representation.legality import (
    END,
    legal_tokens,
    letter_rules,
    smallest_atoms,
)
from crystalgen.symmetry.lattice import constrain
from crystalgen.symmetry.wyckoff import crystal_system


def draw_crystal(number, seed, *, max_atoms=16, n_general=0):
    """Legal letters, random elements and generic free parameters.

    Two more orbits on the general position, say, leave no symmetry but the group's.
    """
    rng = np.random.default_rng(seed)
    rules = letter_rules(max(max_atoms, smallest_atoms(number)))
    letters = []
    while True:
        token = int(rng.choice(np.flatnonzero(legal_tokens(rules, number, letters))))
        if token == END:
            break
        letters.append(token)
    letters += [len(free_parameters(number)) - 1] * n_general
    n_orbits = len(letters)
    # large enough a cell for that many atoms
    lengths = rng.uniform(0.8, 1.6, 3) * 3.5 * (4 * n_orbits) ** (1 / 3)
    parameters = np.array([*lengths, *rng.uniform(70, 110, 3)])
    return SymmetricCrystal(
        space_group=number,
        wyckoff=tuple(letters),
        species=tuple(int(z) for z in rng.choice([3, 8, 26], n_orbits)),
        free_coords=rng.random((n_orbits, 3)) * free_parameters(number)[letters],
        lattice_parameters=constrain(parameters, crystal_system(number)),
    )


@pytest.fixture(scope="session")
def random_crystal():
    """Function of a space group and a seed that draws a legal random crystal."""
    return draw_crystal


@pytest.fixture(scope="session")
def agree():
    """Whether two crystals have the same description, up to a tolerance."""

    def compare(one, other, *, tolerance=1e-6):
        names = ("space_group", "wyckoff", "species")
        if any(getattr(one, name) != getattr(other, name) for name in names):
            return False
        offset = one.free_coords - other.free_coords
        cells = one.lattice_parameters - other.lattice_parameters
        return bool(
            np.abs(offset - np.rint(offset)).max() < tolerance
            and np.abs(cells).max() < 10 * tolerance
        )

    return compare
