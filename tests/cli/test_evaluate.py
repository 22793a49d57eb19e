import csv
import json

import pytest
from pymatgen.io.cif import CifWriter
from typer.testing import CliRunner

from crystalgen.cli import crystal_work
from crystalgen.cli.app import app
from crystalgen.cli.evaluate import DataSet
from crystalgen.datasets.pool import Lost
from crystalgen.evaluation.coverage import CUTOFFS
from crystalgen.export.formats import Format
from crystalgen.export.manifest import Counts, Manifest
from crystalgen.export.record import CrystalRecord
from crystalgen.export.writer import RunWriter
from crystalgen.representation.conversion import to_structure

pytestmark = pytest.mark.filterwarnings("ignore:.*rounded to ideal values")


def run(*arguments):
    return CliRunner().invoke(app, ["evaluate", *map(str, arguments), "--workers", "1"])


def cif(crystal, **options):
    return str(CifWriter(to_structure(crystal), **options))


def test_a_table_is_judged_and_one_bad_row_is_a_row_with_its_reason(table, tmp_path):
    out = tmp_path / "report.json"

    result = run(table, "--out", out)

    assert result.exit_code == 0, result.output
    assert "LeMat" in result.stdout
    report = json.loads(out.read_text())
    assert report["summary"]["judged"] == {"count": 2, "of": 3, "percent": 66.6667}
    assert report["summary"]["groups"][0]["kept"]["of"] == 1
    lines = (tmp_path / "report-crystals.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    assert [row["id"] for row in rows] == ["salt", "bad", "rutile"]
    assert "not a readable cif" in rows[1]["reason"]
    assert rows[2]["asked_group"] is None
    with (tmp_path / "report-crystals.csv").open() as file:
        assert [row["id"] for row in csv.DictReader(file)] == ["salt", "bad", "rutile"]
    assert not list(tmp_path.glob("*.tmp"))


def test_json_is_all_that_is_printed(in_process, table):
    result = run(table, "--json")
    assert json.loads(result.stdout)["summary"]["judged"]["count"] == 2
    assert result.stderr == ""


def test_a_run_is_judged_by_its_records_and_its_files(in_process, tmp_path, crystals):
    folder = tmp_path / "run"
    folder.mkdir()
    manifest = Manifest(
        command="test",
        request={},
        seed=0,
        weights="none",
        weights_sha256="0" * 64,
        formats=("cif",),
        counts=Counts(asked=2),
        started="2026-01-01T00:00:00+00:00",
    )
    with RunWriter(folder, manifest, formats=(Format.CIF,)) as writer:
        for index, name in enumerate(("salt", "fluoride")):
            record = CrystalRecord(
                identifier=name, index=index, crystal=crystals[index]
            )
            writer.add(record)
        writer.finish(
            status="complete", counts=Counts(asked=2, drawn=2, valid=2, unique=2)
        )
    damaged = folder / "cif" / "fluoride.cif"
    damaged.write_text("rubbish")

    result = run(folder, "--json")

    summary = json.loads(result.stdout)["summary"]
    assert summary["judged"] == {"count": 1, "of": 2, "percent": 50.0}
    assert summary["groups"][1]["kept"] == {"count": 1, "of": 1, "percent": 100.0}


def test_a_group_stated_in_a_file_is_the_one_asked_for(in_process, tmp_path, crystals):
    (tmp_path / "symmetric.cif").write_text(cif(crystals[0], symprec=0.01))
    (tmp_path / "plain.cif").write_text(cif(crystals[0]))

    summary = json.loads(run(tmp_path, "--json").stdout)["summary"]

    assert summary["judged"]["count"] == 2
    assert summary["groups"][0]["kept"] == {"count": 1, "of": 1, "percent": 100.0}


def test_distributions_are_compared_with_those_of_a_reference(
    in_process, table, tables, cache
):
    itself = json.loads(run(table, "--reference", table, "--json").stdout)
    other = json.loads(run(table, "--reference", cache, "--json").stdout)

    assert itself["distances"] == {
        "n_sample": 2,
        "n_reference": 2,
        "density": 0.0,
        "n_elements": 0.0,
        "space_group_bits": 0.0,
    }
    assert other["reference"] == str(cache)
    assert other["distances"]["n_reference"] == len(tables[0])
    assert 0 < other["distances"]["space_group_bits"] < 1


def test_coverage_is_added_when_asked_for(in_process, table):
    result = run(table, "--reference", table, "--coverage", "mp-20", "--json")
    found = json.loads(result.stdout)["coverage"]
    assert found == {
        "cutoffs": [0.4, 10.0],
        "n_sample": 3,
        "n_reference": 2,
        "recall": 1.0,
        "precision": pytest.approx(2 / 3),
    }


def test_every_data_set_that_may_be_named_has_cutoffs():
    assert {each.value for each in DataSet} == set(CUTOFFS)


def test_coverage_of_nothing_readable_is_one_line(in_process, table, tmp_path):
    bad = tmp_path / "bad.csv"
    bad.write_text("material_id,cif\nx,rubbish\n")
    result = run(bad, "--reference", table, "--coverage", "mp-20")
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1].startswith("error: coverage: 0 of 1 crystals")


def test_coverage_needs_something_to_cover(table):
    result = run(table, "--coverage", "mp-20")
    assert result.exit_code == 2
    assert "needs --reference" in " ".join(result.stderr.replace("│", " ").split())


def test_each_crystal_is_told_where_it_comes_from(in_process, tmp_path, crystals):
    def write(name, rows):
        path = tmp_path / name
        with path.open("w", newline="") as file:
            lines = [["material_id", "cif"], *rows]
            csv.writer(file).writerows(lines)
        return path

    salt, fluoride, rutile = (cif(crystals[index]) for index in (0, 1, 8))
    known = write("known.csv", [["mp-1", salt], ["mp-2", "rubbish"]])
    made = [["a", salt], ["b", fluoride], ["c", rutile], ["c", rutile], ["d", "bad"]]
    out = tmp_path / "report.json"

    result = run(write("made.csv", made), "--train", known, "--out", out)

    assert result.exit_code == 0, result.output
    assert "1 of 2 crystals are left out" in result.stderr.replace("\n", " ")
    for text in ("provenance, against 1 known", "new framework", "per 1,000"):
        assert text in result.stdout
    report = json.loads(out.read_text())
    assert report["unique"] == {"count": 3, "of": 5, "percent": 60.0}
    assert report["novelty"]["novel"] == {"count": 3, "of": 5, "percent": 60.0}
    assert report["novelty"]["new_templates_per_1000"] == 200.0
    lines = (tmp_path / "report-crystals.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    assert [(row["repeats"], row["provenance"], row["origin"]) for row in rows] == [
        (None, "duplicate", "mp-1"),
        (None, "substitution", "mp-1"),
        (None, "new framework", None),
        ("c", "new framework", None),
        (None, None, None),
    ]


def test_a_comparison_that_does_not_end_makes_nothing_novel(
    in_process, monkeypatch, table
):
    inline = crystal_work.survive_map

    def losing(function, items, *, n_workers, timeout_s):
        for answer in inline(function, items, n_workers=1, timeout_s=timeout_s):
            lost = function is crystal_work._match
            yield Lost(reason="took longer than 900 s") if lost else answer

    monkeypatch.setattr(crystal_work, "survive_map", losing)
    result = run(table, "--train", table)
    assert "2 crystals could not be compared" in result.stderr
    found = json.loads(run(table, "--train", table, "--json").stdout)
    assert found["novelty"]["novel"]["count"] == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none.csv"], "no file, folder or data set 'none.csv'"),
        (["table", "--out", "missing/report.json"], "no such folder missing"),
        (["table", "--reference", "none.csv"], "no file, folder or data set"),
        (["table", "--truth", "none.csv"], "no file, folder or data set"),
        (["table", "--out", "."], "expected the name of a file"),
        (["report-crystals.csv", "--out", "report.json"], "would replace the crystals"),
    ],
)
def test_a_users_mistake_is_one_line(monkeypatch, tmp_path, table, arguments, message):
    monkeypatch.chdir(table.parent)
    places = [table if each == "table" else each for each in arguments]

    result = run(*places)

    assert result.exit_code == 1
    assert result.stderr.startswith("error: ")
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["crystals.csv"]
