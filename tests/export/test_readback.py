import numpy as np
import pytest
from hypothesis import given, strategies as st

from crystalgen.errors import ExportError
from crystalgen.export.cif import cif_text
from crystalgen.export.readback import check_cif


@given(seed=st.integers(0, 2**32 - 1), number=st.integers(1, 230))
def test_a_file_reads_back_as_its_crystal(seed, number, crystal_of_group):
    crystal = crystal_of_group(number, np.random.default_rng(seed))
    if crystal is not None:
        check_cif(cif_text(crystal, identifier="x"), crystal)


@pytest.fixture
def zirconia(crystals):
    return next(each for each in crystals if each.formula == "ZrO2")


@pytest.mark.parametrize(
    ("said", "instead", "message"),
    [
        ("0.22400000", "0.22410000", "site 1 .Zr. reads back"),
        ("  O  O1  ", "  F  O1  ", "site 2 .F. reads back"),
        ("-x,-y,-z", "-x,-y,z", "reads back as"),
        ("_cell_length_a   5.15", "_cell_length_a   5.16", "the cell reads back"),
        (
            "_space_group_IT_number   14",
            "_space_group_IT_number   13",
            "space group 13",
        ),
        ("0.22400000", "zero", "cannot be read"),
        ("_atom_site_fract_x", "_atom_site_cartn_x", "cannot be read"),
        ("  O  O2  4  e  0.43000000  0.16800000  0.65500000  1", "", "2 sites"),
    ],
)
def test_a_file_that_says_another_crystal_is_refused(zirconia, said, instead, message):
    text = cif_text(zirconia, identifier="x")
    assert said in text
    with pytest.raises(ExportError, match=message):
        check_cif(text.replace(said, instead, 1), zirconia)


def test_a_file_with_two_blocks_is_refused(zirconia):
    text = cif_text(zirconia, identifier="x") + cif_text(zirconia, identifier="y")
    with pytest.raises(ExportError, match="2 data blocks"):
        check_cif(text, zirconia)


def test_an_atom_more_or_less_by_another_site_is_noticed(crystals):
    rutile = next(each for each in crystals if each.formula == "TiO2")
    text = cif_text(rutile, identifier="x")
    with pytest.raises(ExportError, match=r"site 2 \(O\) reads back as 8 atoms"):
        check_cif(text.replace("0.30500000", "0.30700000", 1), rutile)
