import json
import os
import signal
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from crystalgen.cli.app import app
from crystalgen.errors import CheckpointError, RequestError
from crystalgen.export.run_folder import read_manifest, read_records
from crystalgen.generation.candidate import Candidate, Codes, Tally
from crystalgen.generation.generator import Generator
from crystalgen.generation.outlook import Outlook
from crystalgen.generation.request import Request

WEIGHTS = SimpleNamespace(name="test-weights", sha256="0123456789abcdef" * 4)


@dataclass
class Run:
    """Hands out the textbook crystals, as `Sampling` hands out new ones."""

    request: Request
    seed: int
    source: Iterator[Candidate] = field(default_factory=lambda: iter(()))
    tally: Tally = field(default_factory=Tally)
    targets: None = None

    def __iter__(self):
        return self

    def __next__(self):
        return next(self.source)


@pytest.fixture
def model(monkeypatch, crystals):
    """A generator that knows the textbook crystals; `calls` says how it was used."""
    calls = []
    ending = SimpleNamespace(signal_at=None, number=signal.SIGINT)

    def candidates(run):
        for index, crystal in enumerate(crystals[: run.request.n]):
            if index < run.tally.unique:
                continue
            if index == ending.signal_at:
                os.kill(os.getpid(), ending.number)
            run.tally.drawn += 2
            run.tally.rejected["distance"] += 1
            run.tally.valid += 1
            run.tally.unique += 1
            yield Candidate(
                index=2 * index + 1,
                crystal=crystal,
                codes=Codes(crystal=(1, 2), roles=((3,),), orbits=((), (4,))),
                log_prob=-1.0,
                is_neutral=index % 2 == 0,
            )

    def sample(request, *, seed, workers, batch_size, progress=None):
        calls.append((request, seed, workers, batch_size))
        run = Run(request=request, seed=seed)
        if progress is not None:
            run.tally = deepcopy(progress.tally)
        run.source = candidates(run)
        return run

    def load(checkpoint=None, *, device):
        calls.append((checkpoint, device))
        return SimpleNamespace(weights=WEIGHTS, sample=sample)

    monkeypatch.setattr(Generator, "load", load)
    return SimpleNamespace(calls=calls, ending=ending)


@pytest.fixture
def run_in(tmp_path, monkeypatch):
    """Run `crystalgen generate` in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    return lambda *arguments: CliRunner().invoke(app, ["generate", *arguments])


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
    assert entry["weights_sha256"] == WEIGHTS.sha256
    assert entry["request"]["n"] == 3
    assert entry["counts"] == {
        "asked": 3,
        "drawn": 6,
        "valid": 3,
        "unique": 3,
        "written": 3,
    }
    assert entry["rejections"] == {"distance": 3}


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


def contents(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in Path(folder).rglob("*")
        if path.is_file() and path.name != "manifest.json"
    }


def counted(folder):
    manifest = read_manifest(Path(folder))
    return manifest.status, manifest.counts, manifest.rejections, manifest.reason


@pytest.mark.parametrize("finished", [0, 3])
def test_a_resumed_run_ends_as_if_nothing_had_happened(model, run_in, finished):
    options = ("--n", "10", "--format", "cif,extxyz", "--seed", "5")
    run_in(*options, "--out", "whole")
    model.ending.signal_at = finished
    assert run_in(*options, "--out", "part").exit_code == 130
    model.ending.signal_at = None
    result = run_in("--resume", "part", "--checkpoint", "my.safetensors")
    assert result.exit_code == 0, result.output
    assert contents("part") == contents("whole")
    assert counted("part") == counted("whole")
    assert model.calls[-1][:2] == model.calls[1][:2]


def test_a_resumed_run_mends_what_a_crash_has_left(model, run_in):
    options = ("--n", "10", "--format", "cif,extxyz")
    run_in(*options, "--out", "whole")
    model.ending.signal_at = 4
    run_in(*options, "--out", "part")
    model.ending.signal_at = None
    with Path("part/crystals.jsonl").open("a") as file:
        file.write('{"id": "to')
    next(iter(Path("part/cif").iterdir())).unlink()
    Path("part/crystals.extxyz").rename("part/crystals.extxyz.tmp")
    run_in("--resume", "part", "--checkpoint", "my.safetensors")
    assert contents("part") == contents("whole")


def test_a_complete_run_is_left_as_it_is(model, run_in):
    run_in("--n", "3")
    before = contents("crystals")
    n_calls = len(model.calls)
    result = run_in("--resume", "crystals")
    assert result.exit_code == 0
    assert len(model.calls) == n_calls
    assert contents("crystals") == before


def test_a_resumed_run_cannot_be_asked_for_more(model, run_in):
    result = run_in("--resume", "crystals", "--formula", "NaCl")
    assert result.exit_code == 2
    assert "leave --formula out" in " ".join(result.stderr.replace("│", " ").split())


def test_a_run_goes_on_with_the_same_weights_alone(model, run_in, monkeypatch):
    model.ending.signal_at = 1
    run_in("--n", "3")
    result = run_in("--resume", "crystals")
    assert result.exit_code == 1
    assert "weights of your own, test-weights; say where" in result.stderr
    monkeypatch.setattr(WEIGHTS, "sha256", "f" * 64)
    result = run_in("--resume", "crystals", "--checkpoint", "other.safetensors")
    assert result.exit_code == 1
    assert "got SHA-256 ffffffffffff" in result.stderr


def test_what_is_no_run_cannot_be_resumed(model, run_in):
    result = run_in("--resume", "nowhere")
    assert result.exit_code == 1
    assert "expected the folder of a run" in result.stderr
    assert model.calls == []
    assert not Path("nowhere").exists()


def test_records_without_the_draws_left_out_cannot_be_counted_on(model, run_in):
    model.ending.signal_at = 2
    run_in("--n", "5")
    path = Path("crystals/crystals.jsonl")
    path.write_text(
        path.read_text().replace('"rejected":{"distance":1}', '"rejected":{}')
    )
    result = run_in("--resume", "crystals", "--checkpoint", "my.safetensors")
    assert result.exit_code == 1
    assert "draw anew with --overwrite" in result.stderr


def test_a_dry_run_says_what_would_be_and_writes_nothing(model, run_in, monkeypatch):
    found = Outlook(
        n_groups=1,
        n_prototypes=4,
        n_known=5285,
        new_share=0.29,
        n_elements=2,
        drawn=128,
        valid=120,
        unique=30,
        trial_seconds=4.0,
        wanted=300,
    )
    monkeypatch.setattr("crystalgen.generation.outlook.outlook", lambda *_, **__: found)
    result = run_in("--n", "300", "--formula", "NaCl", "--dry-run")
    assert result.exit_code == 0, result.output
    for words in ("NaCl", "4 of 5285", "120 valid, 30 of them", "about 40 s", "fewer"):
        assert words in result.stdout
    entry = json.loads(run_in("--n", "300", "--dry-run", "--json").stdout)
    assert (entry["request"]["n"], entry["seconds"]) == (300, 40)
    assert list(Path().iterdir()) == []
