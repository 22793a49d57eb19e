"""From computed energies to weights that know them."""

import csv
import json

import pytest
from typer.testing import CliRunner

from crystalgen.cli.app import app
from crystalgen.export.record import CrystalRecord, to_line
from crystalgen.generation.weights import load_weights
from crystalgen.model.checkpoint import load_checkpoint


@pytest.fixture
def run(tmp_path, crystals):
    """A run of 112 crystals."""
    folder = tmp_path / "drawn"
    folder.mkdir()
    lines = [
        to_line(CrystalRecord(identifier=f"c{index}", index=index, crystal=crystal))
        for index, crystal in enumerate(crystals * 8)
    ]
    (folder / "crystals.jsonl").write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture
def energies(tmp_path, run):
    path = tmp_path / "energies.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "e_above_hull", "largest_force"])
        for index in range(110):
            writer.writerow([f"c{index}", index / 100, "" if index % 3 else 0.1])
        writer.writerow(["c110", "", 1.0])
        writer.writerow(["elsewhere", 1.0, 1.0])
    return path


@pytest.fixture
def teach(run, tiny_checkpoint, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")

    def invoke(table, *arguments):
        paths = [run, table, "--checkpoint", tiny_checkpoint, "--out", tmp_path / "out"]
        words = ["teach", *paths, "--steps", 4, *arguments]
        return CliRunner().invoke(app, [str(word) for word in words])

    return invoke


def test_weights_come_back_with_a_critic(teach, energies, tmp_path):
    result = teach(energies)
    assert result.exit_code == 0, result.output
    assert "99 drawn and 0 real crystals, 11 held out" in " ".join(
        result.output.split()
    )
    weights = load_weights(tmp_path / "out" / "model.safetensors")
    assert weights.networks.critic is not None
    assert weights.sha256[:12] in result.output


def test_json_lines_say_the_same(teach, energies, tmp_path):
    with energies.open(newline="") as file:
        rows = list(csv.DictReader(file))
    table = tmp_path / "energies.jsonl"
    numbers = [
        {k: v if k == "id" else (float(v) if v else None) for k, v in row.items()}
        for row in rows
    ]
    table.write_text("".join(json.dumps(row) + "\n" for row in numbers))
    assert teach(energies).exit_code == 0
    first = load_weights(tmp_path / "out" / "model.safetensors").sha256
    assert teach(table, "--resume").exit_code == 0
    assert load_weights(tmp_path / "out" / "model.safetensors").sha256 == first


def test_a_folder_with_a_run_is_left_alone(teach, energies):
    assert teach(energies).exit_code == 0
    again = teach(energies)
    assert again.exit_code == 1
    assert "--resume" in again.output


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("id,energy\nc1,0.1\n", "e_above_hull"),
        ("id,e_above_hull\nc1,low\n", "csv:2"),
        ("id,e_above_hull\nx1,0.1\n", "none of its 1 ids"),
        ("id,e_above_hull\nc1,0.1\n", "expected at least 100"),
        ("", "none of its 0 ids"),
    ],
)
def test_tables_that_do_not_fit_are_refused(teach, tmp_path, text, expected):
    table = tmp_path / "energies.csv"
    table.write_text(text)
    result = teach(table)
    assert result.exit_code == 1
    assert expected in " ".join(result.output.split())
    assert not (tmp_path / "out").exists()


def test_a_line_that_is_no_row_is_named_with_its_place(teach, tmp_path):
    table = tmp_path / "energies.jsonl"
    table.write_text('{"id": "c1", "e_above_hull": 0.1}\n\nid,e_above_hull\n')
    result = teach(table)
    assert result.exit_code == 1
    assert "energies.jsonl:3: got 'id,e_above_hull'" in " ".join(result.output.split())


def test_a_missing_table_is_named(teach, tmp_path):
    result = teach(tmp_path / "nowhere.csv")
    assert result.exit_code == 1
    assert "nowhere.csv: no such file; expected" in " ".join(result.output.split())


def test_relaxed_crystals_teach_the_relaxer(teach, energies, run, tmp_path):
    result = teach(energies, "--relaxed", run, "--relaxer-steps", 2)
    assert result.exit_code == 0, result.output
    saved = load_checkpoint(tmp_path / "out" / "model.safetensors")
    assert saved.config["relaxer_taught"]["steps"] == 2


@pytest.mark.parametrize(
    ("options", "expected"),
    [(("--steps", 0), "nothing to learn"), (("--blend", 0.5), "without --relaxed")],
)
def test_lessons_for_nothing_are_refused(teach, energies, tmp_path, options, expected):
    result = teach(energies, *options)
    assert result.exit_code == 1
    assert expected in " ".join(result.output.split())
    assert not (tmp_path / "out").exists()


def test_a_trial_changes_what_runs_are_made_of_and_nothing_else(
    teach, energies, cache, tmp_path
):
    found = {}
    for n in (0, 40):
        result = teach(energies, "--data", cache, "--trial", n, "--resume")
        assert result.exit_code == 0, result.output
        found[n] = load_checkpoint(tmp_path / "out" / "model.safetensors").tensors
        sha256 = load_weights(tmp_path / "out" / "model.safetensors").sha256
        assert sha256[:12] in result.output
    changed = {
        name
        for name, each in found[0].items()
        if not each.nan_to_num().equal(found[40][name].nan_to_num().to(each.dtype))
    }
    assert changed == {"generative.critic.usual_features"}
