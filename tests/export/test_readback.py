from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, strategies as st

from crystalgen.errors import ExportError
from crystalgen.export.cif import cif_text, operation_loop, operation_texts
from crystalgen.export.readback import check_cif
from crystalgen.representation.crystal import free_parameters
from crystalgen.symmetry.wyckoff import space_group


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


@pytest.mark.parametrize("number", [2, 62, 123, 166, 194, 221, 225, 227])
def test_a_site_a_little_off_is_noticed(number, crystal_of_group):
    crystal = crystal_of_group(number, np.random.default_rng(number))
    assert crystal is not None
    place = np.argmax(free_parameters(number)[list(crystal.wyckoff)].any(axis=1))
    for axis in np.flatnonzero(free_parameters(number)[crystal.wyckoff[place]]):
        coords = crystal.free_coords.copy()
        coords[place, axis] = (coords[place, axis] + 1e-5) % 1.0
        with pytest.raises(ExportError, match=f"site {place + 1} "):
            check_cif(
                cif_text(replace(crystal, free_coords=coords), identifier="x"), crystal
            )
        check_cif(cif_text(crystal, identifier="x"), crystal)


@given(seed=st.integers(0, 2**32 - 1), number=st.integers(3, 230), data=st.data())
def test_a_file_without_one_of_its_operations_is_refused_or_says_the_same(
    seed, number, data, crystal_of_group
):
    crystal = crystal_of_group(number, np.random.default_rng(seed))
    assume(crystal is not None)
    operations = operation_texts(number)
    missing = data.draw(st.integers(1, len(operations) - 1))
    lines = cif_text(crystal, identifier="x").splitlines(keepends=True)
    line = [str(missing + 1), operations[missing]]
    shorter = "".join(each for each in lines if each.split() != line)
    group = space_group(number)
    general = len(group.positions) - 1
    if group.n_centring == 1 and general in crystal.wyckoff:
        # each operation makes an atom that no other makes
        with pytest.raises(ExportError, match="reads back as"):
            check_cif(shorter, crystal)
    else:
        check_cif(shorter, crystal)


def test_an_operation_more_than_the_group_has_is_noticed(zirconia):
    text = cif_text(zirconia, identifier="x")
    last = f"{operation_loop(14)}\n"
    assert last in text
    for more in (f"{last}  5  x,y,z+1/3\n", f"{last}{last}  5  x,y,z+1/3\n"):
        with pytest.raises(ExportError, match="reads back as 5 atoms"):
            check_cif(text.replace(last, more), zirconia)


def test_atoms_twice_or_of_another_orbit_are_noticed(crystals):
    perovskite = crystals[3]
    text = cif_text(perovskite, identifier="x")
    columns = [line.split() for line in text.splitlines() if " Ti1 " in line]
    assert columns == [["Ti", "Ti1", "1", "b", *["0.50000000"] * 3, "1"]]
    for coords in ("0.00000000  0.00000000  0.00000000", "0.5  0.5  0.0"):
        wrong = text.replace("0.50000000  0.50000000  0.50000000", coords)
        assert wrong != text
        with pytest.raises(ExportError, match=r"site 2 \(Ti\) reads back"):
            check_cif(wrong, perovskite)


def test_a_wrong_multiplicity_is_noticed(zirconia):
    text = cif_text(zirconia, identifier="x")
    assert "Zr1  4  e" in text
    with pytest.raises(ExportError, match=r"site 1 \(Zr\) reads back as 4 atoms"):
        check_cif(text.replace("Zr1  4  e", "Zr1  2  e"), zirconia)
