import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

from crystalgen.cli.app import app
from crystalgen.datasets.build import Collection, Conversion, Kept, collect
from crystalgen.datasets.cache import CacheInfo, read_cache_info, write_cache
from crystalgen.generation.weights import load_weights
from crystalgen.graphs import quotient_graph
from crystalgen.model.checkpoint import load_checkpoint
from crystalgen.representation.conversion import expand
from crystalgen.representation.crystal import SymmetricCrystal
from crystalgen.training.metrics import read_metrics

SETTINGS = """
[data]
train = "toy.safetensors"
val = "toy.safetensors"

[model]
width = 16
species_prior_width = 16
position_width = 8
prototype_width = 8
heads = 2
graph_layers = 1
encoder_layers = 1
species_layers = 1
geometry_layers = 1
context_layers = 1
prior_layers = 1
species_codes = [1, 4]
geometry_codes = [1, 4]
code_width = 4

[train]
epochs = 2
orbits_per_batch = 8
log_every = 1
device = "cpu"
threads = 1
"""


def kept(name, space_group, wyckoff, species, edge):
    crystal = SymmetricCrystal(
        space_group=space_group,
        wyckoff=wyckoff,
        species=species,
        free_coords=np.zeros((len(wyckoff), 3)),
        lattice_parameters=np.array([edge, edge, edge, 90.0, 90.0, 90.0]),
    )
    atoms = expand(crystal)
    graph = quotient_graph(
        atoms.lattice, atoms.frac_coords, atoms.orbit_of_atom, atoms.representative
    )
    return Kept(identifier=name, crystal=crystal, graph=graph, properties={})


def toy_collection() -> Collection:
    return collect(
        [
            *(kept(f"salt-{z}", 225, (0, 1), (z, 17), 5.6) for z in (3, 11, 19, 37)),
            *(kept(f"cesium-{z}", 221, (0, 1), (55, z), 4.1) for z in (17, 35, 53)),
            *(kept(f"metal-{z}", 225, (0,), (z,), 4.0) for z in (29, 47, 79)),
            *(kept(f"oxide-{z}", 221, (0, 1, 2), (z, 22, 8), 3.9) for z in (38, 56)),
        ]
    )


@pytest.fixture
def run_file(tmp_path):
    """A TOML file with its cache beside it."""
    collection = toy_collection()
    info = CacheInfo(
        source="toys",
        license="CC0",
        citation="",
        source_sha256="",
        n_read=len(collection.crystals),
        n_kept=len(collection.crystals),
        symprec=Conversion().symprec,
        n_neighbours=Conversion().n_neighbours,
    )
    write_cache(
        tmp_path / "toy.safetensors", collection.crystals, collection.graphs, info
    )
    path = tmp_path / "run.toml"
    path.write_text(SETTINGS)
    return path


def train(*arguments):
    return CliRunner().invoke(app, ["train", *map(str, arguments)])


def curve(folder):
    clock = {"crystals_per_s", "minutes"}
    lines = read_metrics(folder / "metrics.jsonl")
    return [{k: v for k, v in line.items() if k not in clock} for line in lines]


def stop_after(n_steps):
    """Pretend that Ctrl-C comes in a certain step."""

    @contextmanager
    def stop_on_signals():
        asked = iter(range(1, 1000))
        came = []

        def stop():
            if not came and next(asked) == n_steps:
                came.append(signal.SIGINT)
            return came[0] if came else 0

        yield stop

    return stop_on_signals


def test_an_interrupted_run_says_how_to_go_on_and_does(run_file, monkeypatch):
    folder = run_file.parent
    whole = train(run_file, "--out", folder / "whole")
    assert whole.exit_code == 0, whole.output
    assert "12 crystals of toys, 12 to validate; cpu" in whole.stderr
    assert "validation: loss" in whole.stderr
    assert "crystalgen generate --checkpoint" in whole.stderr

    with monkeypatch.context() as patched:
        patched.setattr(
            "crystalgen.training.interrupt.stop_on_signals", stop_after(n_steps=3)
        )
        stopped = train(run_file, "--out", folder / "parts")
    assert stopped.exit_code == 128 + signal.SIGINT
    resume = f"crystalgen train {run_file} --out {folder / 'parts'} --resume"
    assert f"stopped and saved at step 3 of {len(curve(folder / 'whole'))}" in (
        stopped.stderr
    )
    assert f"go on with: {resume}" in stopped.stderr

    assert train(*resume.split()[2:]).exit_code == 0
    assert curve(folder / "parts") == curve(folder / "whole")

    again = train(*resume.split()[2:])
    assert again.exit_code == 0
    assert "this run is complete" in again.stderr


def test_the_weights_know_their_settings_and_their_data(run_file):
    assert train(run_file, "--out", run_file.parent / "out").exit_code == 0

    config = load_checkpoint(run_file.parent / "out" / "model.safetensors").config
    assert config["model"]["width"] == 16
    assert config["train"]["orbits_per_batch"] == 8
    assert config["data"]["source"] == "toys"
    assert config["data"]["license"] == "CC0"


def test_the_run_folder_is_named_after_the_file(run_file, monkeypatch):
    monkeypatch.chdir(run_file.parent)
    assert train("run.toml").exit_code == 0
    assert (run_file.parent / "runs" / "run" / "model.safetensors").is_file()


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("width = 16", "widht = 16", "[model]: unknown setting 'widht'; did you mean"),
        ("epochs = 2", "epochs = 0", "[train]: epochs must be at least 1, got 0"),
        ('"toy.saf', '"gone.saf', "gone.safetensors: no such file"),
        ("[model]", "[model]\nmax_orbits = 2", "set [model] max_orbits = 3"),
    ],
)
def test_a_wrong_setting_is_one_line(run_file, before, after, message):
    run_file.write_text(run_file.read_text().replace(before, after, 1))

    result = train(run_file, "--out", run_file.parent / "out")

    assert result.exit_code == 1
    errors = [line for line in result.stderr.splitlines() if "error" in line]
    assert len(errors) == 1
    assert message in errors[0]


def test_a_device_that_does_not_exist_is_one_line(run_file):
    result = train(run_file, "--device", "gpu")

    assert result.exit_code == 1
    assert "--device: device must be one of 'auto', 'cpu', 'cuda', 'mps'" in (
        result.stderr
    )


@pytest.mark.slow
def test_a_real_interrupt_saves_and_exits_with_130(run_file):
    out = run_file.parent / "out"
    text = run_file.read_text().replace("epochs = 2", "epochs = 100000")
    run_file.write_text(text)
    code = "from crystalgen.cli.app import app; app()"
    process = subprocess.Popen(
        [sys.executable, "-c", code, "train", str(run_file), "--out", str(out)],
        stderr=subprocess.PIPE,
        text=True,
    )
    while not (out / "metrics.jsonl").exists():
        assert process.poll() is None
        time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)

    assert process.returncode == 130
    assert "--resume" in errors
    assert load_checkpoint(out / "state.safetensors", kind="state").tensors


@pytest.mark.parametrize("n_copies", [1, 20])
def test_a_run_ends_with_calibrated_predictions_if_labels_suffice(run_file, n_copies):
    folder, collection = run_file.parent, toy_collection()
    rows = np.tile(np.arange(len(collection.crystals)), n_copies)
    table = replace(
        collection.crystals.take(rows),
        properties={"gap": np.linspace(0.0, 5.0, len(rows))},
    )
    cache = folder / "toy.safetensors"
    info = replace(read_cache_info(cache), n_kept=len(rows))
    write_cache(cache, table, collection.graphs.take(rows), info)
    settings = SETTINGS.replace("[model]", '[model]\nproperties = ["gap"]')
    run_file.write_text(settings.replace("epochs = 2", "steps = 2"))

    result = train(run_file, "--out", folder / "run")

    assert result.exit_code == 0, result.output
    statistics = load_weights(folder / "run/model.safetensors").networks.statistics
    if n_copies == 1:
        assert "not calibrated: gap: 12 crystals" in result.stderr
        assert statistics.calibration is None
    else:
        assert statistics.calibration is not None
        assert statistics.calibration.n.tolist() == [len(rows)]
