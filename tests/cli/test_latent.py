"""`encode`, `traverse`, `interpolate` and `latent map` with the weights inside."""

import csv
import json

import pytest

from crystalgen.export.cif import cif_text
from crystalgen.export.readback import check_cif
from crystalgen.export.run_folder import read_manifest, read_records

PNG = b"\x89PNG"


@pytest.fixture
def folder(tmp_path, monkeypatch, crystals):
    """A folder with a few CIFs, in which commands run."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "150")
    for place in (0, 2, 8):
        crystal = crystals[place]
        text = cif_text(crystal, identifier=crystal.formula)
        (tmp_path / f"{crystal.formula}.cif").write_text(text)
    (tmp_path / "bad.cif").write_text("rubbish")
    return tmp_path


def table(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_codes_are_written_as_csv_and_shown_for_one_crystal(run, folder):
    result = run("encode", "TiO2.cif")

    assert result.exit_code == 0, result.output
    assert "orbit2.3" in result.stdout
    [row] = table(folder / "codes.csv")
    assert (row["id"], row["letters"], row["species"]) == ("TiO2", "a f", "Ti O")
    assert 0 <= int(row["cell.1"]) < 64


def test_codes_of_several_crystals_are_written_as_jsonl(run, folder):
    result = run("encode", "NaCl.cif", "TiO2.cif", "--out", "codes.jsonl")

    assert result.exit_code == 0, result.output
    lines = (folder / "codes.jsonl").read_text().splitlines()
    salt, rutile = map(json.loads, lines)
    assert salt["formula"] == "NaCl"
    assert salt["orbit2.1"] is None
    assert rutile["orbit2.1"] is not None
    assert rutile["log_likelihood"] < 0


def test_crystals_that_cannot_be_read_are_passed_over_only_if_asked(
    run, refused, folder
):
    before = names(folder)
    assert refused(run("encode", "."), "1 of 4", "bad", "--pass-over")
    assert names(folder) == before

    result = run("encode", ".", "--pass-over")

    assert result.exit_code == 0, result.output
    assert "left out" in result.stderr
    assert len(table(folder / "codes.csv")) == 3


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("encode", "absent.cif"), ("absent.cif",)),
        (("encode", "bad.cif"), ("bad", "CIF")),
        (("encode", "NaCl.cif", "--out", "codes.txt"), ("codes.txt", ".jsonl")),
        (("encode", "NaCl.cif", "--out", "no/codes.csv"), ("no such folder",)),
        (("encode", "NaCl.cif", "--checkpoint", "absent"), ("absent",)),
        (("traverse", "NaCl.cif", "--code", "99"), ("'99'", "7 cell.3")),
        (("traverse", "bad.cif", "--code", "1"), ("bad.cif",)),
        (("traverse", "absent.cif", "--code", "1"), ("absent.cif",)),
        (("traverse", ".", "--code", "1"), ("no such file",)),
        (("interpolate", "NaCl.cif", "bad.cif"), ("bad.cif",)),
        (("interpolate", "NaCl.cif", "NaCl.cif"), ("same crystal",)),
        (("latent", "map", "NaCl.cif"), ("got 1 crystals",)),
        (("latent", "map", "absent"), ("absent",)),
    ],
    ids=lambda value: "-".join(value),
)
def test_bad_input_is_one_line_and_nothing_is_written(
    run, refused, folder, arguments, words
):
    before = names(folder)
    assert refused(run(*arguments), *words)
    assert names(folder) == before


def test_what_is_there_already_is_kept_unless_it_may_be_replaced(run, refused, folder):
    (folder / "codes.csv").write_text("mine")
    assert refused(run("encode", "NaCl.cif"), "codes.csv", "--overwrite")
    assert (folder / "codes.csv").read_text() == "mine"
    assert run("encode", "NaCl.cif", "--overwrite").exit_code == 0
    assert "NaCl" in (folder / "codes.csv").read_text()


def test_a_traversal_is_a_run_folder_with_a_table_and_a_picture(run, folder):
    result = run("traverse", "TiO2.cif", "--code", "3", "--n", 4)

    assert result.exit_code == 0, result.output
    out = folder / "traversal"
    assert names(out) == [
        *("cif", "crystals.jsonl", "manifest.json", "row.png", "steps.csv")
    ]
    records = list(read_records(out))
    assert [record.index for record in records] == list(range(len(records)))
    for record in records:
        text = (out / "cif" / f"{record.identifier}.cif").read_text()
        check_cif(text, record.crystal)
        assert record.crystal.label == "136:a.f"
    manifest = read_manifest(out)
    assert manifest.counts.written == len(records) <= 4
    assert manifest.request == {"crystal": "TiO2.cif", "code": "3", "n": 4}
    rows = table(out / "steps.csv")
    assert [row["id"] for row in rows if row["id"]] == [r.identifier for r in records]
    assert len(rows) == manifest.counts.drawn
    assert (out / "row.png").read_bytes().startswith(PNG)


def test_an_interpolation_ends_where_it_should_and_says_what_it_left_out(run, folder):
    result = run("interpolate", "NaCl.cif", "TiO2.cif", "--steps", 5, "--out", "walk")

    assert result.exit_code == 0, result.output
    assert "two templates" in result.stdout
    records = list(read_records(folder / "walk"))
    assert records[0].crystal.label == "225:a.b"
    assert records[-1].crystal.label == "136:a.f"
    rows = table(folder / "walk" / "steps.csv")
    distances = [int(row["distance"]) for row in rows if row["id"]]
    assert distances == sorted(set(distances), reverse=True)
    assert all(row["id"] or row["fault"] for row in rows)
    n_left_out = sum(not row["id"] for row in rows)
    assert not n_left_out or f"{n_left_out} steps left out" in result.stdout


def test_an_earlier_walk_is_replaced_only_if_asked(run, refused, folder):
    arguments = ("interpolate", "NaCl.cif", "MgO.cif", "--steps", 2)
    assert run(*arguments).exit_code == 0
    assert refused(run(*arguments), "--overwrite")
    assert run(*arguments, "--overwrite").exit_code == 0
    assert len(list((folder / "interpolation" / "cif").iterdir())) == 2


def test_a_map_is_a_table_and_a_picture_and_says_of_how_many(run, folder, cache):
    result = run("latent", "map", cache, cache, cache, "--out", "map")

    assert result.exit_code == 0, result.output
    assert "42 crystals" in result.stdout
    assert "unknown" in result.stdout  # gaps
    assert names(folder / "map") == ["map.csv", "map.png"]
    rows = table(folder / "map" / "map.csv")
    assert {row["n_crystals"] for row in rows} == {"42"}
    assert (folder / "map" / "map.png").read_bytes().startswith(PNG)


def test_only_the_first_crystals_are_mapped_if_so_asked(run, folder, cache):
    result = run("latent", "map", cache, cache, cache, "--n", 30, "--out", "map")
    assert result.exit_code == 0, result.output
    assert (folder / "map").is_dir()
    assert "30 crystals" in result.stdout
