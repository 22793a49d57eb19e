import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core import Lattice, Structure

from crystalgen.evaluation.matching import (
    by_formula,
    duplicates,
    first_equals,
    is_known,
    n_primitive_atoms,
    rms_displacement,
)
from crystalgen.representation.conversion import (
    to_conventional_structure,
    to_structure,
)


def test_the_same_crystal_in_another_cell_is_a_duplicate(crystals):
    structures = [to_structure(each) for each in crystals[:3]]
    again = to_conventional_structure(crystals[1])
    assert duplicates([*structures, again, *structures[:1]]) == [3, 4]


def test_each_crystal_knows_the_first_of_its_equals(crystals):
    structures = [to_structure(crystals[index]) for index in (0, 1, 0, 2, 0, 1)]
    assert first_equals(structures) == [0, 1, 0, 3, 0, 1]


def test_different_crystals_are_no_duplicates(crystals):
    assert duplicates([to_structure(each) for each in crystals]) == []


def test_a_crystal_is_known_if_one_of_the_known_matches(crystals):
    salt, lithium_fluoride = (to_structure(each) for each in crystals[:2])
    conventional = to_conventional_structure(crystals[0])
    assert is_known(salt, [lithium_fluoride, conventional])
    assert not is_known(salt, [lithium_fluoride])
    assert not is_known(salt, [])


def test_formulas_are_grouped_in_order(crystals):
    structures = [to_structure(crystals[index]) for index in (0, 1, 0)]
    assert by_formula(structures) == {"NaCl": [0, 2], "LiF": [1]}


def test_primitive_atoms_are_those_of_any_cell(crystals):
    for crystal in crystals:
        sizes = {
            n_primitive_atoms(to_structure(crystal)),
            n_primitive_atoms(to_conventional_structure(crystal)),
        }
        assert sizes == {crystal.n_atoms}, crystal.formula


def test_displacements_are_measured_in_angstroms():
    # two of eight atoms move apart by d each, so their centre stays
    cell = Structure.from_spacegroup(
        "Fm-3m", Lattice.cubic(5.64), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]]
    )
    moved = cell.copy()
    for index, distance in ((0, 0.2), (4, -0.2)):
        moved.translate_sites([index], [distance, 0, 0], frac_coords=False)
    expected = 0.2 * np.sqrt(2 / 8)
    assert rms_displacement(cell, moved) == pytest.approx(expected, rel=1e-3)


def test_a_crystal_that_only_grows_does_not_move(crystals):
    structure = to_structure(crystals[0])
    grown = structure.copy()
    grown.scale_lattice(structure.volume * 1.05)
    assert rms_displacement(structure, grown) == pytest.approx(0, abs=1e-6)


def test_different_crystals_have_no_displacement(crystals):
    salt, lithium_fluoride = (to_structure(each) for each in crystals[:2])
    assert rms_displacement(salt, lithium_fluoride) is None


def first_by_all_pairs(structures):
    """The same as `first_equals`, by nothing but the matcher."""
    matcher = StructureMatcher()
    kept, first = [], []
    for index, structure in enumerate(structures):
        equal = (each for each in kept if matcher.fit(structure, structures[each]))
        first.append(next(equal, index))
        if first[-1] == index:
            kept.append(index)
    return first


@given(seed=st.integers(0, 10**6))
@settings(max_examples=20)
def test_the_first_equals_are_those_of_the_matcher_on_all_pairs(
    strained_crystals, seed
):
    structures = list(strained_crystals(seed, 12))
    assert first_equals(structures) == first_by_all_pairs(structures)
