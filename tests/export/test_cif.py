import io
import warnings

import ase.io
import numpy as np
import pytest
from ase.spacegroup import Spacegroup
from hypothesis import given, strategies as st
from pymatgen.core.operations import SymmOp
from pymatgen.io.cif import CifFile, CifParser

import crystalgen
from crystalgen.export.cif import cif_text, hermann_mauguin, operation_texts
from crystalgen.representation.conversion import to_conventional_structure
from crystalgen.symmetry.wyckoff import space_group

GROUPS = range(1, 231)
TOLERANCE = 2e-3
"""In Å; pymatgen moves coordinates by up to 7e-5 to what it takes for 1/3 or 2/3."""


def read_by_pymatgen(text):
    with warnings.catch_warnings():
        # said of every file with 0.33333333 in it, pymatgen's own too
        warnings.filterwarnings("ignore", message=".*rounded to ideal values")
        [structure] = CifParser.from_str(text).parse_structures(primitive=False)
    return structure.frac_coords, np.array([site.specie.Z for site in structure])


def read_by_ase(text):
    atoms = ase.io.read(io.StringIO(text), format="cif")
    assert isinstance(atoms, ase.Atoms)
    return atoms.get_scaled_positions(), atoms.numbers


def assert_same_atoms(crystal, frac_coords, numbers):
    structure = to_conventional_structure(crystal)
    expected = np.array([site.specie.Z for site in structure])
    assert sorted(numbers.tolist()) == sorted(expected.tolist())
    apart = structure.frac_coords[:, None] - frac_coords[None]
    apart -= np.rint(apart)
    distances = np.linalg.norm(apart @ structure.lattice.matrix, axis=2)
    distances[expected[:, None] != numbers] = np.inf
    assert distances.min(axis=0).max() < TOLERANCE
    assert distances.min(axis=1).max() < TOLERANCE


@pytest.mark.parametrize("number", GROUPS)
def test_pymatgen_and_ase_read_the_atoms_of_every_group(number, crystal_of_group):
    rng = np.random.default_rng(number)
    crystal = crystal_of_group(number, rng, n_orbits=2)
    text = cif_text(crystal, identifier="x")
    assert_same_atoms(crystal, *read_by_pymatgen(text))
    assert_same_atoms(crystal, *read_by_ase(text))


@pytest.mark.parametrize("number", [152, 156, 166, 181, 187, 194, 205, 227])
def test_atoms_next_to_thirds_are_not_torn_apart(number, crystal_of_group):
    rng = np.random.default_rng(number)
    shifts = (0, 1e-5, 1.9e-5, 3.2e-5, -3.2e-5, 5e-5, 6.6e-5, -6.6e-5, 1e-4)
    values = [
        third + shift for third in (1 / 3, 2 / 3, 1 / 6, 5 / 6) for shift in shifts
    ]
    for _ in range(6):
        crystal = crystal_of_group(number, rng, values=values, n_orbits=1)
        text = cif_text(crystal, identifier="x")
        assert_same_atoms(crystal, *read_by_pymatgen(text))
        assert_same_atoms(crystal, *read_by_ase(text))


@given(seed=st.integers(0, 2**32 - 1), number=st.integers(1, 230))
def test_block_repeats_cell_sites_and_counts_of_the_crystal(
    seed, number, crystal_of_group
):
    crystal = crystal_of_group(number, np.random.default_rng(seed), n_orbits=1)
    if crystal is None:
        return
    block = CifFile.from_str(cif_text(crystal, identifier="x")).data["x"]
    structure = to_conventional_structure(crystal)
    group = space_group(number)
    [index] = crystal.wyckoff
    position = group.positions[index]
    assert float(block["_cell_volume"]) == pytest.approx(structure.volume, abs=1e-6)
    assert block["_atom_site_symmetry_multiplicity"] == [str(position.multiplicity)]
    assert block["_atom_site_Wyckoff_symbol"] == [position.letter]
    assert int(block["_cell_formula_units_Z"]) == position.multiplicity
    assert block["_chemical_formula_structural"] == block["_chemical_formula_sum"]


@pytest.mark.parametrize("number", GROUPS)
def test_operations_read_back_as_those_of_the_group(number):
    group = space_group(number)
    operations = [SymmOp.from_xyz_str(text) for text in operation_texts(number)]
    rotations = np.array([each.rotation_matrix for each in operations])
    translations = np.array([each.translation_vector for each in operations])
    np.testing.assert_array_equal(rotations, group.rotations)
    np.testing.assert_allclose(translations, group.translations, atol=1e-12)


@pytest.mark.parametrize("number", GROUPS)
def test_symbol_is_the_one_of_the_tables(number):
    # ASE has the older names of five groups
    renamed = {
        39: "A e m 2",
        41: "A e a 2",
        64: "C m c e",
        67: "C m m e",
        68: "C c c e",
    }
    expected = renamed.get(number, Spacegroup(number).symbol)
    symbol = hermann_mauguin(space_group(number)).split(" :")[0]
    # and the short ones of monoclinic groups
    assert (symbol.replace(" 1", "") if 3 <= number <= 15 else symbol) == expected


def test_symbol_names_origin_choice_and_axes():
    symbols = [hermann_mauguin(space_group(number)) for number in GROUPS]
    assert sum(symbol.endswith(":2") for symbol in symbols) == 24
    assert sum(symbol.endswith(":H") for symbol in symbols) == 7


def test_file_says_where_it_comes_from_and_which_group_it_has(crystals):
    [block] = CifFile.from_str(
        cif_text(crystals[0], identifier="run-000001-NaCl", weights="mp-20")
    ).data.values()
    assert block.header == "run-000001-NaCl"
    assert block["_crystalgen_id"] == "run-000001-NaCl"
    assert block["_crystalgen_weights"] == "mp-20"
    assert block["_audit_creation_method"] == f"crystalgen {crystalgen.__version__}"
    assert block["_space_group_IT_number"] == "225"
    assert block["_symmetry_Int_Tables_number"] == "225"
    assert block["_space_group_name_H-M_alt"] == "F m -3 m"
    assert block["_chemical_formula_sum"] == "Cl Na"
    assert block["_cell_formula_units_Z"] == "4"
    assert len(block["_symmetry_equiv_pos_as_xyz"]) == 192
    assert block["_atom_site_label"] == ["Na1", "Cl1"]
