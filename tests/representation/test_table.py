import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from crystalgen.errors import RepresentationError
from crystalgen.representation.table import CrystalTable


def table_of(random_crystal, seeds):
    crystals = [random_crystal(1 + seed % 230, seed) for seed in seeds]
    names = [f"mp-{seed}-Å" for seed in seeds]
    gaps = np.array([np.nan if seed % 2 else seed / 7 for seed in seeds])
    properties = {"band_gap": gaps} if crystals else None
    table = CrystalTable.from_crystals(
        crystals, identifiers=names, properties=properties
    )
    return crystals, table


@settings(max_examples=30)
@given(st.lists(st.integers(0, 10**6), max_size=8))
def test_crystals_come_back_from_the_arrays(random_crystal, agree, seeds):
    crystals, table = table_of(random_crystal, seeds)
    columns = table.arrays()
    assert all(values.dtype != object for values in columns.values())
    again = CrystalTable.from_arrays(columns)
    assert len(again) == len(crystals)
    assert again.identifiers == table.identifiers
    for index, crystal in enumerate(crystals):
        assert agree(again.crystal(index), crystal, tolerance=1e-7)
        np.testing.assert_array_equal(
            again.crystal(index).lattice_parameters, crystal.lattice_parameters
        )
    if crystals:
        np.testing.assert_array_equal(
            again.properties["band_gap"], table.properties["band_gap"]
        )


@settings(max_examples=30)
@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=8), st.data())
def test_some_crystals_of_a_table_are_the_same_crystals(random_crystal, seeds, data):
    _, table = table_of(random_crystal, seeds)
    places = st.integers(0, len(seeds) - 1)
    rows = np.array(data.draw(st.lists(places, max_size=8)), dtype=np.int64)
    some = table.take(rows)
    assert some.identifiers == tuple(table.identifiers[row] for row in rows)
    for place, row in enumerate(rows.tolist()):
        ours, theirs = some.crystal(place), table.crystal(row)
        assert (ours.space_group, ours.wyckoff) == (theirs.space_group, theirs.wyckoff)
        assert ours.species == theirs.species
        np.testing.assert_array_equal(ours.free_coords, theirs.free_coords)
        np.testing.assert_array_equal(
            some.properties["band_gap"][place], table.properties["band_gap"][row]
        )
    for name, values in some.arrays().items():
        assert values.dtype == table.arrays()[name].dtype


def test_columns_have_the_documented_types(random_crystal):
    columns = table_of(random_crystal, [3, 7, 230])[1].arrays()
    assert {name: str(values.dtype) for name, values in columns.items()} == {
        "space_group": "int16",
        "orbit_offsets": "int64",
        "wyckoff": "int8",
        "species": "int16",
        "free_coords": "float32",
        "lattice_parameters": "float64",
        "identifiers": "uint8",
        "identifier_offsets": "int64",
        "properties/band_gap": "float64",
    }


def test_rounding_to_single_precision_never_reaches_one(random_crystal):
    crystal = random_crystal(1, 0)
    object.__setattr__(crystal, "free_coords", crystal.free_coords * 0 + 1 - 1e-12)
    table = CrystalTable.from_crystals([crystal], identifiers=["edge"])
    assert not table.crystal(0).free_coords.any()


@pytest.mark.parametrize("name", ["wyckoff", "identifier_offsets"])
def test_a_missing_column_is_named(random_crystal, name):
    columns = table_of(random_crystal, [1, 2])[1].arrays()
    del columns[name]
    with pytest.raises(RepresentationError, match=f"no column '{name}'"):
        CrystalTable.from_arrays(columns)


@pytest.mark.parametrize(
    "name", ["wyckoff", "species", "space_group", "lattice_parameters", "orbit_offsets"]
)
def test_columns_of_other_tables_are_refused(random_crystal, name):
    columns = table_of(random_crystal, [1, 2])[1].arrays()
    columns[name] = columns[name][:-1]
    with pytest.raises(RepresentationError, match="do not belong together"):
        CrystalTable.from_arrays(columns)
