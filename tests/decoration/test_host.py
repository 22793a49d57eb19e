import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from crystalgen.decoration.host import read_host
from crystalgen.errors import GeometryError, RepresentationError


def test_the_orbits_are_those_of_the_symmetry(crystals, structures):
    for crystal in crystals:
        host = read_host(structures[crystal.formula])
        assert host.crystal is not None
        assert host.crystal.space_group == crystal.space_group
        assert sorted(host.sizes) == sorted(crystal.orbit_sizes)
        assert sorted(host.species) == sorted(crystal.species)


def test_sites_are_named_by_their_wyckoff_positions(perovskite):
    names = read_host(perovskite).description.split(", ")
    assert {name.split()[0] for name in names} == {"Sr", "Ti", "O"}
    assert {name.split()[1][0] for name in names} == {"1", "3"}


def test_lowered_each_atom_is_by_itself(perovskite):
    host = read_host(perovskite, symmetry="lowered", supercell=(2, 2, 1))
    assert host.sizes == (1,) * 20
    labels = set(zip(host.species, host.labels, strict=True))
    assert len(labels) == 3


def test_lowered_without_a_supercell_the_cell_is_primitive(perovskite):
    large = perovskite * (1, 1, 2)
    assert read_host(large, symmetry="lowered").n_orbits == 5


def test_kept_in_a_supercell_the_point_group_stays(perovskite):
    host = read_host(perovskite, supercell=(2, 2, 2))
    assert sum(host.sizes) == 40
    assert 3 < host.n_orbits < 40
    assert len(host.labels) == len(host.species) == host.n_orbits


def test_a_disordered_host_is_refused(perovskite):
    mixed = perovskite.copy()
    mixed[0] = {"Sr": 0.5, "Ba": 0.5}
    with pytest.raises(RepresentationError, match="disordered"):
        read_host(mixed)


@pytest.mark.parametrize("supercell", [(1, 1, 1), (2, 1, 1)])
def test_a_nearly_singular_cell_is_refused(supercell):
    flat = Structure(
        Lattice(np.array([[4, 0, 0], [0, 4, 0], [0, 4, 1e-7]])),
        ["Na", "Cl"],
        [[0, 0, 0], [0.5, 0.5, 0.5]],
    )
    with pytest.raises(GeometryError):
        read_host(flat, supercell=supercell)
