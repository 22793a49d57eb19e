import csv
import gzip
import random
import time

import numpy as np
import pytest
from hypothesis import assume, given, settings, strategies as st
from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core import DummySpecies, Lattice, Structure

from crystalgen.errors import GeometryError, RepresentationError
from crystalgen.representation.canonical import canonicalize
from crystalgen.representation.conversion import (
    expand,
    from_structure,
    to_conventional_structure,
    to_structure,
)
from crystalgen.symmetry.wyckoff import space_group

SEEDS = st.integers(0, 2**32 - 1)
ROCK_SALT = Structure.from_spacegroup(
    "Fm-3m", Lattice.cubic(5.64), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]]
)


def test_rock_salt_reads_as_two_orbits():
    crystal = from_structure(ROCK_SALT)
    assert (crystal.label, crystal.species) == ("225:a.b", (11, 17))
    assert (crystal.formula, crystal.n_atoms, crystal.n_orbits) == ("NaCl", 2, 2)
    np.testing.assert_allclose(
        crystal.lattice_parameters, [5.64, 5.64, 5.64, 90, 90, 90]
    )


@pytest.mark.parametrize("number", range(1, 231))
def test_what_is_expanded_is_found_again(number, random_crystal, agree):
    """Expand, let spglib find the symmetry, describe anew: the same crystal."""
    for seed in range(2):
        crystal = random_crystal(number, seed, max_atoms=14, n_general=2)
        structure = to_structure(crystal)
        structure.translate_sites(range(len(structure)), [0.123, 0.456, 0.789])
        described = from_structure(structure, symprec=1e-3)
        assert agree(described, canonicalize(crystal))


@settings(max_examples=150)
@given(number=st.integers(1, 230), seed=SEEDS)
def test_expansion_obeys_every_operation_exactly(number, seed, random_crystal):
    crystal = random_crystal(number, seed)
    structure = to_conventional_structure(crystal)
    points, numbers = structure.frac_coords, np.array(structure.atomic_numbers)
    group = space_group(number)
    for rotation, shift in zip(group.rotations, group.translations, strict=True):
        offset = (points @ rotation.T + shift)[:, None] - points
        same = (np.abs(offset - np.rint(offset)) < 1e-9).all(axis=2)
        assert (same & (numbers[:, None] == numbers)).any(axis=1).all()


@settings(max_examples=150)
@given(number=st.integers(1, 230), seed=SEEDS)
def test_the_primitive_cell_lists_orbits_in_order(number, seed, random_crystal):
    crystal = random_crystal(number, seed)
    atoms = expand(crystal)
    assert len(atoms.numbers) == crystal.n_atoms == sum(crystal.composition.values())
    assert (atoms.frac_coords >= 0).all()
    assert (atoms.frac_coords < 1).all()
    np.testing.assert_array_equal(np.bincount(atoms.orbit_of_atom), crystal.orbit_sizes)
    assert (np.diff(atoms.orbit_of_atom) >= 0).all()
    np.testing.assert_array_equal(
        atoms.orbit_of_atom[atoms.representative], np.arange(crystal.n_orbits)
    )
    np.testing.assert_array_equal(atoms.numbers[atoms.representative], crystal.species)
    conventional = to_conventional_structure(crystal)
    n_centring = space_group(number).n_centring
    assert len(conventional) == n_centring * crystal.n_atoms
    volume = abs(np.linalg.det(atoms.lattice))
    assert volume * n_centring == pytest.approx(conventional.volume)


@settings(max_examples=40)
@given(number=st.integers(1, 230), seed=SEEDS)
def test_primitive_and_conventional_cells_are_one_crystal(number, seed, random_crystal):
    crystal = random_crystal(number, seed, max_atoms=6)
    atoms = expand(crystal)
    assume(len(set(atoms.numbers)) > 1 or len(atoms.numbers) < 7)
    primitive, conventional = to_structure(crystal), to_conventional_structure(crystal)
    carts = primitive.lattice.get_cartesian_coords(primitive.frac_coords)
    in_conventional = conventional.lattice.get_fractional_coords(carts)
    offset = in_conventional[:, None] - conventional.frac_coords
    same = (np.abs(offset - np.rint(offset)) < 1e-8).all(axis=2)
    numbers = np.array(conventional.atomic_numbers)
    assert (same & (atoms.numbers[:, None] == numbers)).any(axis=1).all()


def test_oxidation_states_are_dropped():
    charged = ROCK_SALT.copy().add_oxidation_state_by_element({"Na": 1, "Cl": -1})
    assert from_structure(charged).species == (11, 17)


@pytest.mark.parametrize(
    ("species", "message"),
    [
        ({"Na": 0.5, "K": 0.5}, "disordered; expected one element per site: order"),
        ({"Na": 0.9}, "disordered"),
        ("D", "which is no element; expected H to Og: replace it, for example deut"),
        ("D+", "which is no element"),
        (DummySpecies("X"), "which is no element"),
    ],
)
def test_sites_without_one_element_are_refused_with_a_remedy(species, message):
    structure = Structure(Lattice.cubic(4), ["Cl", species], [[0, 0, 0], [0.5] * 3])
    with pytest.raises(RepresentationError, match=f"site 1.*{message}"):
        from_structure(structure)


def test_broken_geometry_is_refused_before_spglib_sees_it():
    structure = ROCK_SALT.copy()
    structure.lattice = Lattice(structure.lattice.matrix * [1, 1, np.nan])
    with pytest.raises(GeometryError, match="cell length"):
        from_structure(structure)
    empty = Structure(Lattice.cubic(4), [], [])
    with pytest.raises(GeometryError, match="no atoms"):
        from_structure(empty)


def test_expansion_takes_less_than_a_third_of_a_millisecond(random_crystal):
    crystals = [random_crystal(number, number) for number in range(1, 231)]
    for crystal in crystals:
        expand(crystal)
    rounds = []
    for _ in range(5):
        start = time.process_time()
        for crystal in crystals:
            expand(crystal)
        rounds.append((time.process_time() - start) / len(crystals))
    assert min(rounds) < 3e-4


@pytest.mark.data
@pytest.mark.filterwarnings("ignore:.*rounded to ideal values")
def test_mp_20_is_represented_and_comes_back(real_data):
    with gzip.open(real_data / "mp_20" / "test.csv.gz", "rt") as file:
        rows = list(csv.DictReader(file))
    random.Random(0).shuffle(rows)
    matcher = StructureMatcher(stol=0.5, angle_tol=10, ltol=0.3)
    distances = []
    for row in rows[:300]:
        structure = Structure.from_str(row["cif"], fmt="cif")
        crystal = from_structure(structure)
        found = matcher.get_rms_dist(structure, to_structure(crystal))
        assert found is not None, row["cif"]
        distances.append(found[0])
    assert np.mean(distances) < 1e-3
