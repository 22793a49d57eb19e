from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from pymatgen.analysis.structure_matcher import StructureMatcher

from crystalgen.generation.duplicates import SAME_LENGTH, SAME_PLACE, SeenCrystals
from crystalgen.representation.conversion import to_structure
from crystalgen.representation.crystal import SymmetricCrystal, free_parameters
from crystalgen.symmetry.lattice import constrain
from crystalgen.symmetry.wyckoff import crystal_system


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


@settings(max_examples=40, deadline=None)
@given(
    row=st.integers(0, 20),
    scale=st.floats(0.9, 1.1),
    apart=st.lists(st.floats(-1.2, 1.2), min_size=9, max_size=9),
)
def test_answers_are_those_of_the_matcher(crystals, row, scale, apart):
    crystal = crystals[row % len(crystals)]
    edge = crystal.lattice_parameters[:3].max()
    is_free = free_parameters(crystal.space_group)[list(crystal.wyckoff)] > 0
    shift = np.resize(apart[:3], is_free.shape) * is_free * SAME_PLACE / edge
    stretch = 1 + np.concatenate([apart[3:6], np.zeros(3)]) * SAME_LENGTH
    parameters = crystal.lattice_parameters * np.repeat([scale, 1.0], 3) * stretch
    other = replace(
        crystal,
        free_coords=(crystal.free_coords + shift) % 1.0,
        lattice_parameters=constrain(parameters, crystal_system(crystal.space_group)),
    )
    seen = SeenCrystals()
    seen.add(crystal)
    is_same = StructureMatcher().fit(to_structure(crystal), to_structure(other))
    assert seen.add(other) == (not is_same)


def test_no_matcher_is_needed_for_what_is_described_alike(crystals, monkeypatch):
    seen = SeenCrystals()
    seen.add(crystals[8])
    monkeypatch.setattr(SeenCrystals, "_is_among", None)
    assert not seen.add(crystals[8])
