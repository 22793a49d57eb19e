import pytest

from crystalgen.generation.reachability import (
    FEWEST_ATOMS,
    is_reachable,
    keeps_group,
    search_fewest_atoms,
)
from crystalgen.representation.legality import smallest_atoms

KNOWN = {
    1: 2,  # one atom always has an inversion centre
    2: 1,
    146: 3,
    186: 4,  # wurtzite
    195: 10,  # 4e against the inversion, 6g against the diagonal mirrors
    216: 2,  # zincblende
    221: 1,
    225: 1,  # copper
    227: 2,  # diamond
    230: 8,
}
"""Fewest atoms in a primitive cell."""


@pytest.mark.parametrize(("number", "n_atoms"), KNOWN.items())
def test_the_smallest_crystal_of_a_group_is_found(number, n_atoms):
    assert search_fewest_atoms(number, 12) == n_atoms
    assert FEWEST_ATOMS[number - 1] == n_atoms


@pytest.mark.parametrize("number", [19, 62, 99, 160, 214])
def test_the_table_holds_what_the_search_finds(number):
    assert search_fewest_atoms(number, 20) == FEWEST_ATOMS[number - 1]


def test_atoms_that_always_have_a_higher_symmetry_do_not_keep_a_group():
    assert not keeps_group(228, (0,))
    assert not keeps_group(195, (4, 5))
    assert keeps_group(195, (4, 6))
    assert search_fewest_atoms(228, 8) is None


def test_a_group_is_reachable_from_its_smallest_crystal_on():
    for number in range(1, 231):
        fewest = FEWEST_ATOMS[number - 1]
        assert fewest >= smallest_atoms(number)
        assert is_reachable(number, fewest)
        assert not is_reachable(number, fewest - 1)


def test_no_textbook_crystal_is_smaller_than_its_group_allows(crystals):
    assert all(is_reachable(each.space_group, each.n_atoms) for each in crystals)
