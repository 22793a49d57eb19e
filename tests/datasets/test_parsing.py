import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from crystalgen.datasets.entry import FileText, Sites, Unreadable
from crystalgen.datasets.parsing import parse, sites_of_atoms
from crystalgen.errors import DatasetError

SYMMETRIC_CIF = """data_NaCl
_cell_length_a 5.64(1)
_cell_length_b 5.64
_cell_length_c 5.64
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_space_group_IT_number 225
_symmetry_space_group_name_H-M 'F m -3 m'
loop_
_atom_site_label
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
Na1 0 0 0
Cl1 0.5 0.5 0.5
"""

POSCAR = """rock salt
1.0
0.0 2.82 2.82
2.82 0.0 2.82
2.82 2.82 0.0
Na Cl
1 1
direct
0 0 0
0.5 0.5 0.5
"""

EXTXYZ = """2
Lattice="0.0 2.82 2.82 2.82 0.0 2.82 2.82 2.82 0.0" Properties=species:S:1:pos:R:3
Na 0 0 0
Cl 2.82 2.82 2.82
"""


@pytest.mark.parametrize(
    ("text", "file_format", "formula"),
    [
        (SYMMETRIC_CIF, "cif", "Na4 Cl4"),
        (POSCAR, "poscar", "Na1 Cl1"),
        (EXTXYZ, "extxyz", "Na1 Cl1"),
    ],
)
def test_every_format_is_read(text, file_format, formula):
    structure = parse(FileText(text=text, format=file_format))

    assert structure.formula == formula
    nearest = structure.get_neighbors(structure[0], 2.83)
    assert [neighbour.specie.symbol for neighbour in nearest] == ["Cl"] * 6


@pytest.mark.parametrize("file_format", ["cif", "poscar", "extxyz"])
@pytest.mark.parametrize(
    "text", ["", "rubbish", "data_x\nloop_\n", "\x00\x01", "1\n2\n3\n4\n5\n6\n7\n8\n"]
)
def test_rubbish_in_any_format_is_one_kind_of_error(text, file_format):
    with pytest.raises(DatasetError, match=f"not a readable {file_format}"):
        parse(FileText(text=text, format=file_format))


def test_numbers_become_the_structure_they_describe():
    sites = sites_of_atoms(bulk("Cu"))

    structure = parse(sites)

    assert structure.formula == "Cu1"
    np.testing.assert_allclose(structure.lattice.matrix, bulk("Cu").cell.array)


def test_an_atomic_number_that_no_element_has_is_refused():
    sites = Sites(
        lattice=np.eye(3) * 4, frac_coords=np.zeros((1, 3)), numbers=np.array([0])
    )

    with pytest.raises(DatasetError, match="not a readable structure"):
        parse(sites)


@pytest.mark.parametrize("periodic", [False, (True, True, False)])
def test_molecules_and_slabs_are_refused(periodic):
    with pytest.raises(DatasetError, match="not periodic in three directions"):
        sites_of_atoms(Atoms("Cu", cell=np.eye(3) * 4, pbc=periodic))


def test_a_cell_without_volume_is_refused():
    with pytest.raises(DatasetError, match="no volume"):
        sites_of_atoms(Atoms("Cu", cell=[1, 1, 0], pbc=True))


def test_what_the_source_could_not_read_keeps_its_reason():
    with pytest.raises(DatasetError, match="line 7 is torn"):
        parse(Unreadable(reason="line 7 is torn"))
