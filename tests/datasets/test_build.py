import numpy as np
import pytest
from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core import Lattice, Structure

from crystalgen.datasets.build import (
    Conversion,
    Kept,
    Reason,
    Rejected,
    collect,
    convert,
    convert_entries,
)
from crystalgen.datasets.csv import csv_source
from crystalgen.datasets.entry import Entry, FileText, Sites, Source
from crystalgen.errors import DatasetError
from crystalgen.representation.conversion import to_structure


def entry_of(structure, identifier="a", **properties):
    return Entry(
        identifier=identifier,
        payload=Sites(
            lattice=structure.lattice.matrix,
            frac_coords=structure.frac_coords,
            numbers=np.array(structure.atomic_numbers, dtype=np.int64),
        ),
        properties=properties,
    )


def source_of(entries):
    return Source(
        name="test",
        license="CC0",
        citation="",
        n_entries=len(entries),
        entries=lambda: iter(entries),
    )


def test_an_entry_becomes_a_symmetric_crystal_with_its_graph(salts):
    kept = convert(entry_of(salts[0], band_gap=8.5), conversion=Conversion())

    assert isinstance(kept, Kept)
    assert kept.crystal.space_group == 225
    assert kept.properties == {"band_gap": 8.5}
    assert len(kept.graph.length) == 12 * kept.crystal.n_orbits
    np.testing.assert_allclose(kept.graph.length[:6], 2.82, rtol=1e-5)
    assert StructureMatcher().fit(to_structure(kept.crystal), salts[0])


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        (
            Entry(identifier="a", payload=FileText(text="rubbish", format="cif")),
            Reason.UNREADABLE,
        ),
        (
            entry_of(Structure(Lattice.cubic(5), ["H", "H"], [[0, 0, 0], [0, 0, 0.1]])),
            Reason.TOO_LARGE,
        ),
        (
            entry_of(Structure(Lattice.cubic(0.01), ["H"], [[0, 0, 0]])),
            Reason.GEOMETRY,
        ),
        (
            Entry(
                identifier="a",
                payload=Sites(
                    lattice=np.full((3, 3), np.nan),
                    frac_coords=np.zeros((1, 3)),
                    numbers=np.array([1]),
                ),
            ),
            Reason.GEOMETRY,
        ),
    ],
)
def test_what_cannot_be_used_is_rejected_with_its_reason(entry, reason):
    rejected = convert(entry, conversion=Conversion(max_atoms=1))

    assert isinstance(rejected, Rejected)
    assert rejected.reason == reason
    assert rejected.detail


def test_a_disordered_cif_is_rejected(salts):
    text = """data_x
_cell_length_a 4
_cell_length_b 4
_cell_length_c 4
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_symmetry_space_group_name_H-M 'P 1'
loop_
_atom_site_label
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
Fe1 0 0 0 0.5
Ni1 0 0 0 0.5
"""
    entry = Entry(identifier="a", payload=FileText(text=text, format="cif"))

    rejected = convert(entry, conversion=Conversion())

    assert isinstance(rejected, Rejected)
    assert rejected.reason == Reason.REPRESENTATION


def test_a_table_is_converted_in_order_by_several_processes(table, salts):
    with table.open("a") as file:
        file.write("mp-bad,1,Xx,,rubbish\n")

    results = convert_entries(csv_source(table), Conversion(), n_workers=2)
    collection = collect(results)

    assert collection.n_read == 4
    assert collection.crystals.identifiers == ("mp-0", "mp-1", "mp-2")
    np.testing.assert_array_equal(
        collection.crystals.properties["e_above_hull"], [0.1, np.nan, np.nan]
    )
    assert [item.identifier for item in collection.rejected] == ["mp-bad"]
    for index, salt in enumerate(salts):
        crystal = collection.crystals.crystal(index)
        assert StructureMatcher().fit(to_structure(crystal), salt)
        assert len(collection.graphs.graph(index).length) == 12 * crystal.n_orbits


def test_an_entry_that_takes_too_long_is_rejected(salts):
    entries = [entry_of(salts[0], "fast")]

    (result,) = convert_entries(
        source_of(entries), Conversion(), n_workers=1, timeout_s=0.0
    )

    assert isinstance(result, Rejected)
    assert (result.identifier, result.reason) == ("fast", Reason.LOST)
    assert "took longer than 0 s" in result.detail


def test_a_run_that_keeps_nothing_says_why():
    rejected = Rejected(
        identifier="a", reason=Reason.UNREADABLE, detail="not a readable cif"
    )

    with pytest.raises(
        DatasetError, match=r"none of 1 entries .* a: unreadable: not a readable cif"
    ):
        collect([rejected])
    with pytest.raises(DatasetError, match="no entries"):
        collect([])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"symprec": 0.0}, "symprec is 0.0"),
        ({"symprec": float("nan")}, "symprec is nan"),
        ({"max_atoms": 0}, "max_atoms is 0"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(DatasetError, match=message):
        Conversion(**settings)


def test_no_workers_are_refused(salts):
    with pytest.raises(DatasetError, match="0 workers"):
        next(convert_entries(source_of([]), Conversion(), n_workers=0))
