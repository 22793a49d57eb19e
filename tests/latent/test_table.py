from crystalgen.latent import facts_of, interpolate, latent_map
from crystalgen.latent.table import code_rows, map_rows, step_rows


def test_codes_of_all_crystals_have_the_same_columns_in_one_order(readings):
    names = [each.crystal.formula for each in readings]
    rows = code_rows(names, readings)
    columns = list(rows[0])
    assert all(list(row) == columns for row in rows)
    assert columns[:6] == [
        *("id", "formula", "space_group", "letters", "species", "log_likelihood")
    ]
    parts = [name.rstrip("0123456789.") for name in columns[6:]]
    assert list(dict.fromkeys(parts)) == ["species", "cell", "orbit"]
    for row, reading in zip(rows, readings, strict=True):
        found = {name: row[name] for name in columns[6:] if row[name] is not None}
        assert found == reading.by_name


def test_a_row_says_what_the_crystal_is(readings):
    (row,) = code_rows(["rutile"], readings[8:9])
    assert (row["id"], row["formula"], row["space_group"]) == ("rutile", "TiO2", 136)
    assert (row["letters"], row["species"]) == ("a f", "Ti O")


def test_steps_that_were_left_out_are_rows_with_their_fault(weights, crystals):
    walk = interpolate(weights, crystals[0], crystals[8])
    names = [f"step-{number}" for number in range(len(walk.steps))]
    rows = step_rows(walk, names)
    assert [row["id"] for row in rows] == names + [None] * len(walk.left_out)
    assert all((row["id"] is None) == (row["fault"] is not None) for row in rows)
    assert all(row["volume_per_atom"] for row in rows if row["id"])


def test_maps_are_rows_with_nothing_where_nothing_is_known(readings):
    repeated = [each for each in readings for _ in range(3)]
    found = latent_map(repeated, [facts_of(each.crystal) for each in repeated])
    rows = map_rows(found)
    assert len(rows) == len(found.entries)
    assert all((row["bits"] is None) == (row["label"] == "band gap") for row in rows)
    assert {row["n_crystals"] for row in rows} == {len(repeated)}
