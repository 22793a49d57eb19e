"""`crystalgen evaluate --truth`: crystals beside those they were made for."""

import csv
import json

import pytest
from pymatgen.io.cif import CifWriter
from typer.testing import CliRunner

from crystalgen.cli import crystal_work
from crystalgen.cli.app import app
from crystalgen.datasets.pool import Lost
from crystalgen.representation.conversion import to_structure

pytestmark = pytest.mark.filterwarnings("ignore:.*rounded to ideal values")


def run(*arguments):
    return CliRunner().invoke(app, ["evaluate", *map(str, arguments), "--workers", "1"])


def cif(crystal):
    return str(CifWriter(to_structure(crystal)))


def rows(path, *named):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([["material_id", "cif"], *named])
    return path


def test_crystals_are_paired_with_those_they_were_made_for(
    in_process, tmp_path, crystals
):
    salt, fluoride, rutile = (cif(crystals[index]) for index in (0, 1, 8))
    truth = rows(tmp_path / "truth.csv", ["a", salt], ["b", rutile], ["c", fluoride])
    made = [["a", fluoride], ["a", salt], ["b", rutile], ["x", fluoride], ["c", "bad"]]
    out = tmp_path / "report.json"

    result = run(rows(tmp_path / "made.csv", *made), "--truth", truth, "--out", out)

    assert result.exit_code == 0, result.output
    for text in ("match rate, best of 2", "METRe", "3 of 3"):
        assert text in result.stdout
    found = json.loads(out.read_text())["reconstruction"]
    assert found["paired"]["count"] == 3
    assert found["n_draws"] == 2
    counts = [found[name]["matched"]["count"] for name in ("first", "best", "metre")]
    assert counts == [1, 2, 3]
    assert found["first"]["rmse"] == pytest.approx(0, abs=1e-6)
    assert found["first"]["crmse"] == pytest.approx(2 / 3 * 0.5)


def test_files_are_paired_by_their_names_and_a_cache_is_a_truth(
    in_process, tables, cache, tmp_path, crystals
):
    for draw, names in (("one", ("NaCl", "LiF")), ("two", ("NaCl",))):
        (tmp_path / "made" / draw).mkdir(parents=True)
        for name in names:
            path = tmp_path / "made" / draw / f"{name}.cif"
            path.write_text(cif(crystals[("NaCl", "LiF").index(name)]))

    result = run(tmp_path / "made", "--truth", cache, "--json")

    found = json.loads(result.stdout)["reconstruction"]
    assert found["n_draws"] == 2
    assert found["paired"] == found["first"]["matched"]
    assert found["paired"]["count"] == found["metre"]["matched"]["count"] == 2
    assert found["paired"]["of"] == len(tables[0])


def test_without_common_identifiers_there_is_metre_only(
    in_process, table, tmp_path, crystals
):
    truth = rows(tmp_path / "truth.csv", ["x", cif(crystals[0])], ["y", "rubbish"])
    result = run(table, "--truth", truth)
    assert "--truth: 1 of 2 crystals are left out" in result.stderr
    assert "match rate" not in result.stdout
    assert "METRe" in result.stdout
    found = json.loads(run(table, "--truth", truth, "--json").stdout)["reconstruction"]
    assert (found["paired"], found["first"], found["best"]) == (None, None, None)
    assert found["metre"]["matched"] == {"count": 1, "of": 1, "percent": 100.0}


def test_a_comparison_that_does_not_end_is_no_match(in_process, monkeypatch, table):
    inline = crystal_work.survive_map

    def losing(function, items, *, n_workers, timeout_s):
        for answer in inline(function, items, n_workers=1, timeout_s=timeout_s):
            lost = function is crystal_work._measure
            yield Lost(reason="took longer than 900 s") if lost else answer

    monkeypatch.setattr(crystal_work, "survive_map", losing)
    result = run(table, "--truth", table)
    assert "2 true crystals could not be compared" in result.stderr
    assert "0 of 2" in result.stdout
