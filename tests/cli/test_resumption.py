"""`crystalgen generate --resume`: the folder of a run without interruption."""

from pathlib import Path

import pytest

from crystalgen.export.run_folder import read_manifest


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
    monkeypatch.setattr(model.weights, "sha256", "f" * 64)
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
