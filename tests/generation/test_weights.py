import subprocess
import sys
from pathlib import Path

import pytest
import torch

from crystalgen.config import as_plain
from crystalgen.errors import CheckpointError, CrystalgenError, RequestError
from crystalgen.generation.weights import load_weights
from crystalgen.model.checkpoint import load_checkpoint, save_checkpoint


def test_weights_know_their_file(weights, checkpoint, tiny_config):
    saved = load_checkpoint(checkpoint)
    assert weights.name == "tiny"
    assert weights.sha256 == saved.sha256
    assert weights.config == tiny_config
    assert weights.device == torch.device("cpu")


def test_networks_are_filled_and_ready_to_use(weights, checkpoint):
    tensors = load_checkpoint(checkpoint).tensors
    state = weights.networks.state_dict()
    assert {f"generative.{name}" for name in state} <= tensors.keys()
    assert all(torch.equal(state[n], tensors[f"generative.{n}"]) for n in state)
    assert not any(module.training for module in weights.networks.modules())


def test_the_whole_autoencoder_is_there_when_asked_for(weights, checkpoint):
    tensors = load_checkpoint(checkpoint).tensors
    state = weights.autoencoder.state_dict()
    assert state.keys() == tensors.keys()
    assert all(torch.equal(state[name], tensors[name]) for name in tensors)
    assert not weights.autoencoder.training


def test_what_was_counted_in_training_comes_along(weights, tables):
    assert int(weights.vocabulary.count.sum()) == len(tables[0])
    assert weights.distance_limits.shape == (119, 119)
    assert (weights.distance_limits[1:, 1:] > 0).all()


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(CheckpointError, match=r"none\.safetensors"):
        load_weights(tmp_path / "none.safetensors")


def test_tensors_of_another_shape_are_refused_by_name(tmp_path, checkpoint):
    saved = load_checkpoint(checkpoint)
    tensors = dict(saved.tensors)
    name = "generative.species_codes.entries"
    tensors[name] = tensors[name][:, :-1]
    path = tmp_path / "other.safetensors"
    save_checkpoint(path, tensors, saved.config)
    with pytest.raises(CheckpointError, match=r"species_codes\.entries.*train again"):
        load_weights(path)


def test_a_checkpoint_without_our_networks_is_refused(tmp_path, tiny_config):
    path = tmp_path / "other.safetensors"
    save_checkpoint(path, {"x": torch.ones(1)}, {"model": as_plain(tiny_config)})
    with pytest.raises(CheckpointError, match="do not fit"):
        load_weights(path)


def test_settings_of_another_version_are_refused_by_name(tmp_path, checkpoint):
    saved = load_checkpoint(checkpoint)
    path = tmp_path / "other.safetensors"
    config = {"model": {**saved.config["model"], "depth": 3}}
    save_checkpoint(path, saved.tensors, config)
    with pytest.raises(CrystalgenError, match="unknown setting 'depth'"):
        load_weights(path)


def test_auto_finds_a_device(checkpoint):
    weights = load_weights(checkpoint, device="auto")
    assert weights.device.type in {"cpu", "cuda", "mps"}
    assert next(weights.networks.parameters()).device.type == weights.device.type


@pytest.mark.parametrize(
    ("device", "message"),
    [
        ("tpu", "got 'tpu'; expected auto, cpu"),
        ("cuda:x", "got 'cuda:x'; expected auto, cpu"),
        ("cuda:77", r"got 'cuda:77', but PyTorch .* finds \d+ of that kind"),
        ("cpu:1", "got 'cpu:1', but PyTorch .* finds 1"),
    ],
)
def test_a_device_that_is_not_there_is_refused(checkpoint, device, message):
    with pytest.raises(RequestError, match=message):
        load_weights(checkpoint, device=device)


def run(*lines):
    """What a fresh process prints."""
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_drawing_a_crystal_loads_nothing_slow_that_it_does_not_need(checkpoint):
    slow = {"torch_geometric", "pandas", "smact", "scipy.optimize", "matplotlib"}
    printed = run(
        "import sys, torch; from crystalgen import Generator, Request",
        "torch.set_num_threads(1)",
        f"generator = Generator.load({str(checkpoint)!r})",
        "next(generator.sample(Request(n=1, space_groups=(225,))), None)",
        f"print(sorted({slow!r} & set(sys.modules)))",
    )
    assert printed == "[]"


def test_loading_weights_derives_no_space_group(checkpoint):
    printed = run(
        "from crystalgen import Generator",
        "from crystalgen.symmetry.wyckoff import space_group",
        f"Generator.load({str(checkpoint)!r})",
        "print(space_group.cache_info().currsize)",
    )
    assert printed == "0"


def test_a_name_that_is_neither_a_file_nor_inside_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CheckpointError, match=r"those inside: .*mp-20") as refused:
        load_weights(Path("mp-21"))
    assert "\n" not in str(refused.value)


def test_a_file_goes_before_weights_inside_of_the_same_name(
    tmp_path, monkeypatch, checkpoint
):
    monkeypatch.chdir(tmp_path)
    Path("mp-20").write_bytes(checkpoint.read_bytes())
    assert load_weights(Path("mp-20")).name == load_weights(checkpoint).name
