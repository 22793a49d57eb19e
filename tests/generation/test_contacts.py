import numpy as np
import pytest
from hypothesis import assume, given, settings, strategies as st
from pymatgen.core import Element, Lattice, Structure

from crystalgen.generation.contacts import (
    UNBONDED,
    are_contacts_sane,
    distance_limits,
    without_bonds_of_anions,
)

N_SPECIES = 119


@st.composite
def cells(draw):
    """Cells of any shape, also very skewed ones, with atoms anywhere."""
    source = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    lengths = source.uniform(1.2, 7, 3)
    angles = source.uniform(25, 150, 3)
    cosines = np.cos(np.radians(angles))
    assume(1 - (cosines**2).sum() + 2 * cosines.prod() > 0.02)
    lattice = np.array(Lattice.from_parameters(*lengths, *angles).matrix)
    n_atoms = draw(st.integers(1, 5))
    frac_coords = source.uniform(-0.5, 1.5, (n_atoms, 3))
    return lattice, frac_coords, source.choice([1, 8, 56], n_atoms)


def shortest_share(lattice, frac_coords, numbers, limits):
    """Smallest distance of any two atoms, images included, over its limit."""
    elements = [Element.from_Z(int(number)) for number in numbers]
    structure = Structure(lattice, elements, frac_coords)
    centres, others, _, distances = structure.get_neighbor_list(float(limits.max()) * 2)
    if len(distances) == 0:
        return np.inf
    return (distances / limits[numbers[centres], numbers[others]]).min()


@settings(max_examples=60)
@given(cell=cells(), scale=st.floats(0.3, 1.2))
def test_the_closest_pair_is_found_in_any_cell(cell, scale):
    lattice, frac_coords, numbers = cell
    limits = scale * distance_limits(np.zeros((N_SPECIES, N_SPECIES)))
    expected = shortest_share(lattice, frac_coords, numbers, limits)
    assume(abs(expected - 1) > 1e-6)
    everyone = np.arange(len(numbers))
    assert are_contacts_sane(lattice, frac_coords, numbers, everyone, limits) == (
        expected > 1
    )


@pytest.mark.parametrize(("edge", "is_sane"), [(1.9, False), (2.1, True)])
def test_an_atom_must_keep_its_distance_from_its_own_images(edge, is_sane):
    limits = np.full((N_SPECIES, N_SPECIES), 2.0)
    lattice = np.diag([edge, 5.0, 5.0])
    only = np.zeros(1, dtype=np.int64)
    assert (
        are_contacts_sane(lattice, np.zeros((1, 3)), only + 8, only, limits) == is_sane
    )


def test_representatives_stand_for_their_orbits(crystals):
    from crystalgen.representation.conversion import expand

    limits = distance_limits(np.zeros((N_SPECIES, N_SPECIES)))
    for crystal in crystals:
        for scale in (0.5, 0.7, 0.9, 1.1):
            atoms = expand(crystal)
            everyone = np.arange(len(atoms.numbers))
            answers = {
                are_contacts_sane(
                    scale * atoms.lattice, atoms.frac_coords, atoms.numbers, who, limits
                )
                for who in (atoms.representative, everyone)
            }
            assert len(answers) == 1


def test_textbook_crystals_have_sane_contacts(crystals):
    from crystalgen.representation.conversion import expand

    limits = distance_limits(np.zeros((N_SPECIES, N_SPECIES)))
    for crystal in crystals[:-1]:  # the last is made up
        atoms = expand(crystal)
        assert are_contacts_sane(
            atoms.lattice,
            atoms.frac_coords,
            atoms.numbers,
            atoms.representative,
            limits,
        ), crystal.formula


def test_a_needle_is_refused_without_a_long_search():
    limits = np.full((N_SPECIES, N_SPECIES), 3.0)
    only = np.zeros(1, dtype=np.int64)
    lattice = np.diag([0.01, 100.0, 100.0])
    assert not are_contacts_sane(lattice, np.zeros((1, 3)), only + 8, only, limits)


def test_learnt_limits_come_before_radii():
    shortest = np.zeros((N_SPECIES, N_SPECIES))
    shortest[11, 17] = shortest[17, 11] = 2.5
    limits = distance_limits(shortest)
    assert 2.3 < limits[11, 17] < 2.5
    assert limits[11, 11] > 2.0  # sodium's radius is 1.66
    assert limits[1, 1] < 0.6
    np.testing.assert_array_equal(limits, limits.T)
    assert (limits[1:, 1:] > 0.4).all()


def test_only_pairs_of_like_anions_have_larger_limits_without_bonds():
    limits = distance_limits(np.zeros((N_SPECIES, N_SPECIES)))
    raised = without_bonds_of_anions(limits)
    changed = {(int(a), int(b)) for a, b in np.argwhere(raised > limits)}
    assert changed == {(number, number) for number in UNBONDED}
    assert (raised >= limits).all()


@pytest.mark.parametrize(
    ("molecule", "bond"), [("N2", 1.45), ("O2", 1.49), ("F2", 1.41), ("Cl2", 1.99)]
)
def test_a_bond_is_shorter_and_a_contact_of_ions_longer_than_the_limit(molecule, bond):
    """Single bonds of hydrazine, peroxides and halogens; radii of Shannon."""
    number = Element(molecule[:-1]).Z
    charge = {7: -3, 8: -2, 9: -1, 17: -1}[number]
    ionic = 2 * Element(molecule[:-1]).ionic_radii[charge]
    assert bond < UNBONDED[number] < ionic
