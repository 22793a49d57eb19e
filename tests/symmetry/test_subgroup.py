import numpy as np
import pytest
from pymatgen.core import Element, Structure

from crystalgen.representation.conversion import to_structure
from crystalgen.representation.elements import SYMBOLS
from crystalgen.symmetry import engine
from crystalgen.symmetry.subgroup import orbits_without_translations


def cell(structure):
    return (
        np.array(structure.lattice.matrix),
        np.array(structure.frac_coords),
        np.array(structure.atomic_numbers),
    )


@pytest.fixture(scope="module")
def structures(crystals):
    return [to_structure(crystal) for crystal in crystals]


def test_in_the_primitive_cell_the_orbits_are_those_that_spglib_finds(structures):
    for structure in structures:
        orbits = orbits_without_translations(*cell(structure))
        found = engine.dataset(*cell(structure), symprec=0.1)
        expected = np.unique(found.crystallographic_orbits, return_inverse=True)[1]
        assert (orbits == expected).all()


@pytest.mark.parametrize("multiples", [(2, 1, 1), (1, 2, 2), (2, 2, 2)])
def test_orbits_of_a_supercell_are_parts_of_the_old_ones(structures, multiples):
    for structure in structures:
        found = engine.dataset(*cell(structure), symprec=0.1)
        large = structure.copy()
        large.add_site_property("old", found.crystallographic_orbits.tolist())
        large.make_supercell(multiples)
        orbits = orbits_without_translations(*cell(large))
        pairs = set(zip(orbits.tolist(), large.site_properties["old"], strict=True))
        assert len(pairs) == orbits.max() + 1
        assert np.bincount(orbits).max() <= 48


def test_decorated_orbits_have_the_point_group_and_no_translation(crystals):
    perovskite = next(each for each in crystals if each.label == "221:a.b.c")
    large = to_structure(perovskite)
    large.make_supercell((2, 2, 2))
    orbits = orbits_without_translations(*cell(large))
    elements = [Element(SYMBOLS[2 + orbit]) for orbit in orbits.tolist()]
    coloured = Structure(large.lattice, elements, large.frac_coords)
    found = engine.dataset(*cell(coloured), symprec=0.1)
    assert len(found.rotations) == 48
    assert len(np.unique(found.mapping_to_primitive)) == 40
