import io
import json

import ase.io
import numpy as np
import pytest
from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core import Structure
from pymatgen.io.vasp import Poscar

from crystalgen.export.formats import FILE_NAMES, Format
from crystalgen.export.texts import (
    WRITERS,
    extxyz_text,
    poscar_text,
    structure_json,
)
from crystalgen.representation.conversion import to_structure
from crystalgen.symmetry.detection import space_group_number


def read_json(record):
    return Structure.from_dict(json.loads(structure_json(record, "weights")))


def read_poscar(record):
    return Poscar.from_str(poscar_text(record, "weights")).structure


def read_extxyz(record):
    file = io.StringIO(extxyz_text(record, "weights"))
    atoms = ase.io.read(file, format="extxyz")
    assert isinstance(atoms, ase.Atoms)
    return Structure(
        atoms.cell.array,
        atoms.get_chemical_symbols(),
        atoms.positions,
        coords_are_cartesian=True,
    )


@pytest.mark.parametrize("read", [read_json, read_poscar, read_extxyz])
def test_each_format_reads_back_as_the_crystal_with_its_group(read, records):
    for record in records:
        structure = read(record)
        expected = to_structure(record.crystal)
        match = StructureMatcher(scale=False).get_rms_dist(structure, expected)
        assert match is not None
        assert match[1] < 1e-6
        np.testing.assert_allclose(
            structure.lattice.matrix, expected.lattice.matrix, atol=1e-7
        )
        number = space_group_number(
            structure.lattice.matrix,
            structure.frac_coords,
            np.array([site.specie.Z for site in structure]),
            symprec=1e-4,
        )
        assert number == record.crystal.space_group


def test_every_format_has_a_writer_and_a_place():
    assert set(WRITERS) == set(FILE_NAMES) == set(Format)


def test_files_name_the_crystal_and_the_weights(records):
    record = records[0]
    poscar = poscar_text(record, "mp-20").splitlines()[0]
    assert poscar == "abcdef-000000-NaCl 225:a.b mp-20"
    properties = json.loads(structure_json(record, "mp-20"))["properties"]
    assert properties == {
        "crystalgen_id": "abcdef-000000-NaCl",
        "crystalgen_weights": "mp-20",
        "space_group": 225,
    }
    atoms = ase.io.read(io.StringIO(extxyz_text(record, None)), format="extxyz")
    assert isinstance(atoms, ase.Atoms)
    assert atoms.info["id"] == "abcdef-000000-NaCl"
    assert "weights" not in atoms.info
