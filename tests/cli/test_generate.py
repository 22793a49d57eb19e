import json
import signal
from pathlib import Path

import pytest

from crystalgen.errors import CheckpointError, RequestError
from crystalgen.export.run_folder import read_manifest, read_records
from crystalgen.generation.generator import Generator
from crystalgen.generation.request import Request


def test_crystals_end_in_a_folder_and_a_table(model, run_in):
    result = run_in("--n", "5")
    assert result.exit_code == 0, result.output
    first, *table = result.stdout.splitlines()
    assert first == "weights: test-weights (SHA-256 0123456789ab)"
    for name in ("asked", "drawn", "valid", "unique", "written", "seconds", "folder"):
        assert any(name in line for line in table)
    row = next(line for line in table if "crystals" in line)
    assert [each.strip() for each in row.split("│")[1:6]] == ["5", "10", "5", "5", "5"]
    assert result.stderr == ""
    records = list(read_records(Path("crystals")))
    assert [each.index for each in records] == [1, 3, 5, 7, 9]
    assert all(each.rejected == {"distance": 1} for each in records)
    assert records[0].codes == ((1, 2), (3,), (), (4,))
    assert records[0].flags == ()
    assert records[1].flags == ("usual oxidation states do not cancel",)
    assert len(list(Path("crystals/cif").iterdir())) == 5


def test_names_tell_run_draw_and_formula(model, run_in):
    run_in("--n", "1")
    [path] = Path("crystals/cif").iterdir()
    run = read_manifest(Path("crystals")).run
    assert path.name == f"{run}-000001-NaCl.cif"


def test_json_is_the_manifest_and_nothing_else(model, run_in):
    result = run_in("--n", "3", "--json", "--seed", "7")
    entry = json.loads(result.stdout)
    assert result.stderr == ""
    assert entry == json.loads(Path("crystals/manifest.json").read_text())
    assert entry["status"] == "complete"
    assert entry["seed"] == 7
    assert entry["weights_sha256"] == model.weights.sha256
    assert entry["request"]["n"] == 3
    assert entry["counts"] == {
        "asked": 3,
        "drawn": 6,
        "valid": 3,
        "unique": 3,
        "written": 3,
    }
    assert entry["rejections"] == {"distance": 3}


def test_without_options_the_request_is_that_of_python(model, run_in):
    run_in("--n", "3")
    _, (request, *_) = model.calls
    assert request == Request(n=3)


def test_options_reach_request_and_model(model, run_in):
    result = run_in(
        *("--n", "2", "--space-group", "225, 216", "--max-atoms", "9"),
        *("--temperature", "0.7", "--seed", "3", "--checkpoint", "my.safetensors"),
        *("--device", "cuda:1", "--workers", "2", "--format", "poscar,json"),
        *("--batch-size", "300"),
    )
    assert result.exit_code == 0, result.output
    (checkpoint, device), (request, seed, workers, batch_size) = model.calls
    assert (str(checkpoint), device) == ("my.safetensors", "cuda:1")
    assert (seed, workers, batch_size) == (3, 2, 300)
    assert (request.space_groups, request.max_atoms) == ((225, 216), 9)
    assert request.temperature == 0.7
    assert {path.name for path in Path("crystals").iterdir()} == {
        "manifest.json",
        "crystals.jsonl",
        "poscar",
        "json",
    }


def test_fewer_crystals_than_asked_are_said_with_the_reason(model, run_in):
    result = run_in("--n", "1000")
    assert result.exit_code == 0
    manifest = read_manifest(Path("crystals"))
    assert manifest.status == "incomplete"
    assert manifest.reason == "gave up after 28 draws; rejected: 14 distance"
    assert f"14 of 1000 crystals: {manifest.reason}" in result.stdout


def test_no_crystal_at_all_is_an_error(model, run_in, monkeypatch):
    monkeypatch.setattr("crystalgen.export.writer.RunWriter.add", lambda *_: None)
    result = run_in("--n", "1")
    assert result.exit_code == 1
    assert "error: no crystal was written" in result.stderr


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)]
)
def test_a_signal_keeps_finished_crystals(model, run_in, number, code):
    model.ending.signal_at, model.ending.number = 3, number
    result = run_in("--n", "10")
    assert result.exit_code == code
    assert "stopped: 3 finished crystals are kept in crystals" in result.stderr
    manifest = read_manifest(Path("crystals"))
    assert (manifest.status, manifest.counts.written) == ("interrupted", 3)
    assert len(list(read_records(Path("crystals")))) == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--n", "0"], "'--n'"),
        (["--n", "many"], "'--n'"),
        (["--format", "cfi"], "did you mean 'cif'"),
        (["--space-group", "Fm-3m"], "expected numbers from 1 to 230"),
        (["--device", "gpu"], "expected auto, cpu, cuda, cuda:1 or mps"),
        (["--max-atoms", "0"], "'--max-atoms'"),
        (["--seed", "-1"], "'--seed'"),
    ],
)
def test_a_wrong_usage_exits_with_2_before_anything_is_loaded(
    model, run_in, arguments, message
):
    result = run_in(*arguments)
    assert result.exit_code == 2
    assert message in " ".join(result.stderr.replace("│", " ").split())
    assert model.calls == []
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--space-group", "231"], "got 231; expected a number from 1 to 230"),
        (["--temperature", "0"], "temperature: got 0.0"),
        (["--out", "file"], "file: cannot be written"),
        (["--out", "file/run"], "file/run: cannot be written"),
        (["--out", "other"], "is not empty and holds no run of crystalgen"),
    ],
)
def test_what_cannot_be_done_exits_with_1_before_anything_is_loaded(
    model, run_in, arguments, message
):
    Path("file").touch()
    Path("other").mkdir()
    Path("other/thesis.tex").touch()
    result = run_in(*arguments)
    assert result.exit_code == 1
    assert message in result.stderr
    assert result.stderr.startswith("error: ")
    assert len(result.stderr.splitlines()) == 1
    assert model.calls == []
    assert {path.name for path in Path().iterdir()} == {"file", "other"}


def test_a_finished_run_is_replaced_only_on_demand(model, run_in):
    run_in("--n", "2")
    refused = run_in("--n", "3")
    assert refused.exit_code == 1
    assert "holds a run already (2 crystals, seed 0)" in refused.stderr
    assert "--overwrite" in refused.stderr
    assert len(list(read_records(Path("crystals")))) == 2
    assert run_in("--n", "3", "--overwrite").exit_code == 0
    assert len(list(Path("crystals/cif").iterdir())) == 3


@pytest.mark.parametrize("error", [CheckpointError("damaged"), RequestError("none")])
def test_an_error_of_the_model_leaves_nothing_behind(run_in, monkeypatch, error, model):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(Generator, "load", fail)
    result = run_in()
    assert result.exit_code == 1
    assert result.stderr == f"error: {error}\n"
    assert list(Path().iterdir()) == []


def test_an_old_run_outlives_an_error_of_the_model(run_in, monkeypatch, model):
    run_in("--n", "2")

    def fail(*_, **__):
        raise CheckpointError("damaged")

    monkeypatch.setattr(Generator, "load", fail)
    assert run_in("--overwrite").exit_code == 1
    assert len(list(read_records(Path("crystals")))) == 2


def test_help_teaches_by_examples(run_in):
    result = run_in("--help")
    assert result.exit_code == 0
    assert "crystalgen generate --n 50 --space-group 225,216" in result.stdout


def test_options_of_composition_reach_the_request(model, run_in):
    words = (
        "--crystal-system cubic,hexagonal --elements Na,Cl,F --require Na --exclude Br "
        "--formula NaCl --z 2 --anonymous-formula AB --n-elements 2-3 --min-atoms 2 "
        "--chemical-system Na-Cl --no-charge-neutral"
    )
    result = run_in("--n", "1", *words.split())
    assert result.exit_code == 0, result.output
    request = model.calls[-1][0]
    assert request == Request(
        n=1,
        crystal_systems=("cubic", "hexagonal"),
        chemical_system=("Na", "Cl"),
        elements=("Na", "Cl", "F"),
        require=("Na",),
        exclude=("Br",),
        formula="NaCl",
        z=2,
        anonymous_formula="AB",
        n_elements=(2, 3),
        min_atoms=2,
        charge_neutral=False,
    )


def test_wishes_that_exclude_each_other_write_nothing(model, run_in):
    result = run_in("--require", "Li", "--exclude", "Li")
    assert result.exit_code == 1
    assert result.stderr == "error: exclude: Li is excluded, but it is required\n"
    assert not Path("crystals").exists()


def test_a_range_that_cannot_be_read_is_a_wrong_usage(model, run_in):
    result = run_in("--n-elements", "some")
    assert result.exit_code == 2
