from collections import Counter

import pytest
from pymatgen.core import Lattice, Structure

from crystalgen.evaluation.groups import (
    GroupMatch,
    find_group,
    match_group,
    rotation_kinds,
)
from crystalgen.representation.conversion import (
    to_conventional_structure,
    to_structure,
)
from crystalgen.symmetry.wyckoff import space_group


def test_textbook_crystals_keep_their_group_in_any_cell(crystals):
    for crystal in crystals:
        for structure in (to_structure(crystal), to_conventional_structure(crystal)):
            found = match_group(structure, crystal.space_group, symprec=0.01)
            assert found is GroupMatch.KEPT, crystal.formula


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (216, GroupMatch.SUPERGROUP),  # F-43m loses the centre of Fm-3m
        (166, GroupMatch.SUPERGROUP),
        (1, GroupMatch.SUPERGROUP),
        (194, GroupMatch.OTHER),  # hexagonal
    ],
)
def test_more_symmetry_than_asked_is_a_supergroup(crystals, asked, expected):
    salt = to_structure(crystals[0])
    assert match_group(salt, asked, symprec=0.1) is expected


def test_a_tighter_tolerance_finds_less_and_that_is_no_supergroup():
    cell = Lattice.from_parameters(4.0, 4.0, 4.03, 90, 90, 90)
    nearly_cubic = Structure(cell, ["Cs", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    assert find_group(nearly_cubic, symprec=0.1) == 221
    assert match_group(nearly_cubic, 221, symprec=0.001) is GroupMatch.OTHER
    assert match_group(nearly_cubic, 123, symprec=0.1) is GroupMatch.SUPERGROUP


def test_a_smaller_cell_of_the_same_class_is_a_supergroup():
    # two atoms nearly half a long axis apart: loosely one atom in half the cell
    cell = Lattice.orthorhombic(3.0, 3.3, 7.0)
    doubled = Structure(cell, ["Po", "Po"], [[0, 0, 0], [0, 0, 0.49]])
    assert find_group(doubled, symprec=1e-3) == find_group(doubled, symprec=0.2) == 47
    assert match_group(doubled, 47, symprec=0.2) is GroupMatch.KEPT
    # Pmma has the point group of Pmmm and loses half of the translations
    assert match_group(doubled, 51, symprec=0.2) is GroupMatch.SUPERGROUP
    assert match_group(doubled, 51, symprec=1e-3) is GroupMatch.OTHER


def test_crowded_atoms_have_no_group():
    crowded = Structure(Lattice.cubic(4.0), ["Cs", "Cs"], [[0, 0, 0], [0, 0, 0.01]])
    assert find_group(crowded, symprec=0.1) == 0
    assert match_group(crowded, 221, symprec=0.1) is GroupMatch.NONE


def test_kinds_of_rotations_are_those_of_the_point_group():
    cubic = Counter(  # m-3m: International Tables A, the 48 operations
        {
            (3, 1): 1,
            (-1, 1): 9,
            (0, 1): 8,
            (1, 1): 6,
            (-3, -1): 1,
            (1, -1): 9,
            (0, -1): 8,
            (-1, -1): 6,
        }
    )
    assert rotation_kinds(225) == rotation_kinds(221) == cubic
    for number in (1, 62, 148, 166, 194, 230):
        group = space_group(number)
        n_operations = len(group.rotations) // group.n_centring
        assert rotation_kinds(number).total() == n_operations
