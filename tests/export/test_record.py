import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, strategies as st
from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core import Composition, Structure

from crystalgen.errors import ExportError
from crystalgen.export.record import CrystalRecord, from_line, to_line
from crystalgen.representation.conversion import to_structure

FIELDS = ("space_group", "wyckoff", "species")
ARRAYS = ("free_coords", "lattice_parameters")


@given(seed=st.integers(0, 2**32 - 1), number=st.integers(1, 230))
def test_a_crystal_survives_its_line_to_the_last_bit(seed, number, crystal_of_group):
    crystal = crystal_of_group(number, np.random.default_rng(seed))
    if crystal is None:
        return
    record = CrystalRecord(
        identifier="id", index=seed, crystal=crystal, codes=((1, 2), ()), log_prob=-0.1
    )
    line = to_line(record)
    back = from_line(line)
    assert "\n" not in line
    assert (back.index, back.codes, back.log_prob) == (seed, ((1, 2), ()), -0.1)
    for name in FIELDS:
        assert getattr(back.crystal, name) == getattr(crystal, name)
    for name in ARRAYS:
        np.testing.assert_array_equal(
            getattr(back.crystal, name), getattr(crystal, name)
        )


def test_what_was_asked_and_predicted_is_kept(records):
    asked = replace(records[0], condition={"gap": 2.0}, predicted={"gap": 1.8})
    assert from_line(to_line(asked)).condition == {"gap": 2.0}
    assert from_line(to_line(asked)).predicted == {"gap": 1.8}
    assert "predicted" not in json.loads(to_line(records[0]))


def test_what_is_expected_is_kept(records):
    hopeful = replace(records[0], expected={"stability": 0.9})
    assert from_line(to_line(hopeful)).expected == {"stability": 0.9}
    assert "expected" not in json.loads(to_line(records[0]))


def test_any_program_can_read_the_atoms(records):
    for record in records:
        entry = json.loads(to_line(record))
        structure = Structure(entry["lattice"], entry["species"], entry["frac_coords"])
        rms = StructureMatcher().get_rms_dist(structure, to_structure(record.crystal))
        assert rms is not None
        assert rms[1] < 1e-8
        assert entry["n_atoms"] == len(structure)
        formula = Composition(entry["formula"]).reduced_composition
        assert formula == structure.composition.reduced_composition


@pytest.mark.parametrize(
    "line",
    ["", "{", "[]", '{"id": "x"}', "null"],
)
def test_what_is_no_record_is_refused(line):
    with pytest.raises(ExportError, match="expected the record of a crystal"):
        from_line(line)


def test_a_record_of_an_impossible_crystal_is_refused(records):
    entry = json.loads(to_line(records[0]))
    entry["space_group"] = 231
    with pytest.raises(ExportError, match="expected 1 to 230"):
        from_line(json.dumps(entry))
