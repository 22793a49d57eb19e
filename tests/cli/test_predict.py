"""`predict`, `calibrate` and `generate --condition`."""

import csv
import json

import numpy as np
import pytest

from crystalgen.config import as_plain
from crystalgen.datasets.cache import CacheInfo, write_cache
from crystalgen.export.cif import cif_text
from crystalgen.export.run_folder import read_manifest, read_records
from crystalgen.generation.weights import load_weights
from crystalgen.model.checkpoint import load_checkpoint, save_checkpoint
from crystalgen.model.critic import Critic
from crystalgen.training.taught import with_critic


@pytest.fixture
def folder(tmp_path, monkeypatch, crystals):
    """A folder with a few CIFs, in which commands run."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "150")
    for place in (0, 2):
        crystal = crystals[place]
        text = cif_text(crystal, identifier=crystal.formula)
        (tmp_path / f"{crystal.formula}.cif").write_text(text)
    return tmp_path


def test_properties_are_written_with_their_intervals(run, folder, told_checkpoint):
    result = run("predict", "NaCl.cif", "MgO.cif", "--checkpoint", told_checkpoint)

    assert result.exit_code == 0, result.output
    assert "not calibrated" in result.stdout
    with (folder / "properties.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["formula"] for row in rows] == ["NaCl", "MgO"]
    for row in rows:
        for name in ("gap", "energy"):
            ends = (f"{name}_95_low", f"{name}_50_low", name, f"{name}_50_high")
            assert sorted(map(float, (row[end] for end in ends))) == [
                float(row[end]) for end in ends
            ]


def test_the_table_may_be_json_lines(run, folder, told_checkpoint):
    options = ("--checkpoint", told_checkpoint, "--out", "table.jsonl")
    assert run("predict", ".", *options).exit_code == 0
    rows = [
        json.loads(each) for each in (folder / "table.jsonl").read_text().splitlines()
    ]
    assert {row["id"] for row in rows} == {"NaCl", "MgO"}


def test_weights_without_properties_predict_nothing(run, refused, folder):
    told = run("predict", "NaCl.cif", "--checkpoint", "perov-5")
    assert refused(told, "perov-5", "without properties")
    assert not (folder / "properties.csv").exists()


def test_weights_are_calibrated_on_a_cache(
    run, refused, folder, told_checkpoint, labelled
):
    many = 12
    table, graphs = labelled
    rows = np.tile(np.arange(len(table)), 2 * many)
    info = CacheInfo(
        source="toy",
        license="",
        citation="",
        source_sha256="",
        n_read=len(rows),
        n_kept=len(rows),
        symprec=0.1,
        n_neighbours=12,
    )
    write_cache(folder / "val.safetensors", table.take(rows), graphs.take(rows), info)

    result = run(
        "calibrate", told_checkpoint, "val.safetensors", "--out", "better.safetensors"
    )

    assert result.exit_code == 0, result.output
    assert f"gap on {len(rows)}" in result.stdout
    assert load_weights(folder / "better.safetensors").name == "better"
    options = ("--checkpoint", "better.safetensors")
    assert "not calibrated" not in run("predict", "NaCl.cif", *options).stdout
    again = run(
        "calibrate", told_checkpoint, "val.safetensors", "--out", "better.safetensors"
    )
    assert refused(again, "exists already")


@pytest.fixture
def taught_checkpoint(folder, tiny_checkpoint):
    """Weights with a critic that has learnt nothing."""
    found = load_checkpoint(tiny_checkpoint)
    model = with_critic(found)
    critic = Critic(model).state_dict()
    tensors = {f"generative.critic.{name}": each for name, each in critic.items()}
    path = folder / "taught.safetensors"
    config = {**found.config, "model": as_plain(model)}
    save_checkpoint(path, {**found.tensors, **tensors}, config)
    return path


@pytest.fixture
def drawn(run, folder, taught_checkpoint):
    """Options of a run of these weights with a table of energies, half of them low."""
    options = ("--n", 50, "--checkpoint", taught_checkpoint, "--out", "drawn")
    options += ("--allow-known", "--no-charge-neutral")
    assert run("generate", *options).exit_code == 0
    names = [each.identifier for each in read_records(folder / "drawn")]
    lines = [f"{name},{0.2 * (row % 2)}" for row, name in enumerate(names)]
    (folder / "energies.csv").write_text("\n".join(("id,e_above_hull", *lines)))
    return ("drawn", "--energies", "energies.csv", "--out", "better.safetensors")


def test_energies_of_a_run_make_weights_tell_stability(
    run, refused, folder, taught_checkpoint, drawn
):
    asked = ("--n", 5, "--min-stability", 0.3, "--allow-known", "--no-charge-neutral")
    told = run("generate", *asked, "--checkpoint", taught_checkpoint, "--out", "some")
    assert refused(told, "min stability", "crystalgen calibrate")

    result = run("calibrate", taught_checkpoint, *drawn)

    assert result.exit_code == 0, result.output
    assert "stability on 50 crystals, 50% of them stable" in result.stdout
    options = ("--checkpoint", "better.safetensors", "--out", "some")
    assert run("generate", *asked, *options).exit_code == 0
    assert read_manifest(folder / "some").request["min_stability"] == 0.3
    for record in read_records(folder / "some"):
        assert 0.3 <= record.expected["stability"] < 1
    again = run("calibrate", "better.safetensors", *drawn, "--overwrite")
    assert refused(again, "drawn: was drawn by weights", "better.safetensors")


def test_energies_that_tell_nothing_are_refused(
    run, refused, folder, taught_checkpoint, told_checkpoint, drawn
):
    table = folder / "energies.csv"
    table.write_text(table.read_text().replace(",0.2", ",0.0"))
    told = run("calibrate", taught_checkpoint, *drawn)
    assert refused(told, "50 of 50 crystals are stable", "at least 20")

    options = ("--n", 3, "--checkpoint", told_checkpoint, "--allow-known")
    assert run("generate", *options, "--out", "other").exit_code == 0
    names = [each.identifier for each in read_records(folder / "other")]
    lines = [f"{name},0.0" for name in names]
    table.write_text("\n".join(("id,e_above_hull", *lines)))
    told = run("calibrate", told_checkpoint, "other", *drawn[1:])
    assert refused(told, "does not say what was expected", "critic")
    assert not (folder / "better.safetensors").exists()


def test_a_run_records_what_was_asked_and_what_is_predicted(
    run, folder, told_checkpoint
):
    options = ("--n", 3, "--checkpoint", told_checkpoint, "--out", "run")
    options += ("--max-atoms", 6, "--allow-known")
    result = run("generate", *options, "--condition", "gap=1:3", "--guidance", 1.5)

    assert result.exit_code == 0, result.output
    request = read_manifest(folder / "run").request
    assert request["conditions"] == [{"name": "gap", "low": 1.0, "high": 3.0}]
    assert request["guidance"] == 1.5
    for record in read_records(folder / "run"):
        assert 1 < record.condition["gap"] < 3
        low, high = record.predicted["gap_80_low"], record.predicted["gap_80_high"]
        assert low < record.predicted["gap"] < high


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--condition", "colour=1"), ("know no such property", "gap, energy")),
        (("--condition", "gap=77"), ("expected values from",)),
        (("--condition", "gap=3:1"), ("the lower value first",)),
        (("--condition", "gap=1", "--condition", "gap=2"), ("asked for 2 times",)),
        (("--guidance", 4), ("without a condition",)),
        (("--condition", "gap=1", "--guidance", -1), ("expected a number from 0",)),
    ],
)
def test_a_wrong_condition_is_one_line_and_writes_nothing(
    run, refused, folder, told_checkpoint, options, words
):
    result = run("generate", "--checkpoint", told_checkpoint, "--out", "run", *options)
    assert refused(result, *words)
    assert not (folder / "run").exists()


def test_a_condition_that_is_misspelled_is_a_wrong_usage(run, folder):
    assert run("generate", "--condition", "gap>2", "--out", "run").exit_code == 2
    assert not (folder / "run").exists()
