import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from pymatgen.core import Element, Lattice, Structure

from crystalgen.decoration.host import read_host
from crystalgen.decoration.patterns import Patterns
from crystalgen.representation.canonical import canonicalize
from crystalgen.representation.conversion import from_structure
from crystalgen.representation.elements import SYMBOLS


def assert_same(one, two):
    assert one.space_group == two.space_group
    assert one.wyckoff == two.wyckoff
    assert one.species == two.species
    np.testing.assert_allclose(
        one.lattice_parameters, two.lattice_parameters, atol=1e-4
    )
    np.testing.assert_allclose(one.free_coords, two.free_coords, atol=1e-4)


def test_a_host_comes_back(crystals, structures):
    for crystal in crystals:
        host = read_host(structures[crystal.formula])
        found = Patterns(host).crystal(host.species)
        assert_same(found, canonicalize(crystal))


@settings(max_examples=40)
@given(data=st.data())
def test_a_decoration_is_what_its_atoms_say(crystals, structures, data):
    crystal = data.draw(st.sampled_from(crystals))
    host = read_host(structures[crystal.formula])
    patterns = Patterns(host)
    patterns.crystal(host.species)
    numbers = st.sampled_from((3, 8, 14, 20, 26, 35))
    species = data.draw(
        st.lists(numbers, min_size=host.n_orbits, max_size=host.n_orbits)
    )
    found = patterns.crystal(species)
    symbols = [Element(SYMBOLS[species[orbit] - 1]) for orbit in host.orbit_of_atom]
    atoms = Structure(Lattice(host.lattice), symbols, host.frac_coords)
    assert_same(found, from_structure(atoms))


@pytest.mark.parametrize("multiples", [(2, 1, 1), (2, 2, 1)])
def test_an_undecorated_supercell_is_the_host(crystals, structures, multiples):
    for crystal in crystals[:5]:
        host = read_host(
            structures[crystal.formula], supercell=multiples, symmetry="lowered"
        )
        assert_same(Patterns(host).crystal(host.species), canonicalize(crystal))
