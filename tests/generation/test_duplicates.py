import numpy as np
import pytest

from crystalgen.generation.duplicates import SeenCrystals
from crystalgen.representation.crystal import SymmetricCrystal


def rock_salt(first, second, edge):
    return SymmetricCrystal(
        space_group=225,
        wyckoff=(0, 1),
        species=(first, second),
        free_coords=np.zeros((2, 3)),
        lattice_parameters=np.array([edge] * 3 + [90.0] * 3),
    )


def test_a_crystal_is_new_once(crystals):
    seen = SeenCrystals()
    assert all(seen.add(crystal) for crystal in crystals)
    assert not any(seen.add(crystal) for crystal in crystals)


def test_a_crystal_of_another_size_is_the_same():
    seen = SeenCrystals()
    assert seen.add(rock_salt(11, 17, 5.64))
    assert not seen.add(rock_salt(11, 17, 5.9))


def test_a_crystal_described_from_another_origin_is_the_same():
    seen = SeenCrystals()
    assert seen.add(rock_salt(11, 17, 5.64))
    assert not seen.add(rock_salt(17, 11, 5.64))


def test_a_crystal_described_with_less_symmetry_is_the_same():
    seen = SeenCrystals()
    assert seen.add(rock_salt(11, 17, 5.64))
    half = 5.64 / np.sqrt(2)
    tetragonal = SymmetricCrystal(  # the same atoms in I4/mmm
        space_group=139,
        wyckoff=(0, 1),
        species=(11, 17),
        free_coords=np.zeros((2, 3)),
        lattice_parameters=np.array([half, half, 5.64, 90.0, 90.0, 90.0]),
    )
    assert not seen.add(tetragonal)


@pytest.mark.parametrize(("cation", "anion"), [(11, 35), (19, 17)])
def test_a_crystal_of_other_elements_is_new(cation, anion):
    seen = SeenCrystals()
    assert seen.add(rock_salt(11, 17, 5.64))
    assert seen.add(rock_salt(cation, anion, 5.64))


def test_a_crystal_of_another_structure_is_new():
    seen = SeenCrystals()
    assert seen.add(rock_salt(55, 17, 6.9))
    caesium_chloride = SymmetricCrystal(
        space_group=221,
        wyckoff=(0, 1),
        species=(55, 17),
        free_coords=np.zeros((2, 3)),
        lattice_parameters=np.array([4.12] * 3 + [90.0] * 3),
    )
    assert seen.add(caesium_chloride)
