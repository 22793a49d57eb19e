"""Critic and relaxer learn from computed crystals, and nothing else changes."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from crystalgen.config import as_plain
from crystalgen.errors import TrainingError
from crystalgen.generation.calibration import save_stability
from crystalgen.generation.weights import load_weights
from crystalgen.model.autoencoder import CrystalAutoencoder
from crystalgen.model.checkpoint import load_checkpoint, save_checkpoint
from crystalgen.model.critic import ABOVE_HULL
from crystalgen.model.stability import N_COEFFICIENTS
from crystalgen.model.statistics import count_statistics
from crystalgen.representation.prototype import prototypes_of
from crystalgen.representation.table import CrystalTable
from crystalgen.training.config import TrainConfig
from crystalgen.training.critic_lessons import true_features, usual_features
from crystalgen.training.machine import Machine
from crystalgen.training.run import RunConfig, train_run
from crystalgen.training.taught import save_corrected, save_taught
from crystalgen.training.teaching import (
    Lesson,
    examples_of,
    teach_critic,
    teach_relaxer,
)

CONFIG = TrainConfig(
    steps=6, orbits_per_batch=24, warmup_steps=2, ema_decay=0.5, device="cpu"
)


@pytest.fixture(scope="module")
def drawn(tables):
    n = len(tables[0])
    return replace(tables[0], properties={ABOVE_HULL: np.linspace(0, 0.3, n)})


@pytest.fixture(scope="module")
def statistics(tables):
    return count_statistics(*tables)


def same(one, other):
    """Whether tensors are equal, what is unknown included."""
    return torch.equal(one.nan_to_num(), other.nan_to_num())


def save(path, config, statistics):
    with torch.random.fork_rng():
        torch.manual_seed(3)
        model = CrystalAutoencoder(config, statistics)
    settings = {"model": as_plain(config), "objective": {}}
    save_checkpoint(path, model.state_dict(), settings)
    return load_checkpoint(path)


@pytest.fixture(scope="module")
def checkpoint(tiny_config, statistics, tmp_path_factory):
    config = replace(tiny_config, relaxer_width=8, relaxer_layers=2, critic_width=8)
    folder = tmp_path_factory.mktemp("untaught")
    return save(folder / "untaught.safetensors", config, statistics)


def lesson_of(drawn):
    """The same crystals to learn from, to keep in mind and to validate on."""
    return Lesson(drawn=drawn, held_out=drawn, real=[drawn])


def critic_reports(checkpoint, drawn, out, *, n=None):
    found = []
    for report in teach_critic(
        checkpoint, lesson_of(drawn), CONFIG, Machine(), out=out
    ):
        found.append(report)
        if len(found) == n:
            break
    return found


def relaxer_reports(checkpoint, drawn, out, *, n=None):
    found = []
    for report in teach_relaxer(
        checkpoint, lesson_of(drawn), CONFIG, Machine(), out=out
    ):
        found.append(report)
        if len(found) == n:
            break
    return found


@pytest.fixture(scope="module")
def taught(checkpoint, drawn, tmp_path_factory):
    """The file after both parts, and what they reported."""
    out = tmp_path_factory.mktemp("taught")
    parts = critic_reports(checkpoint, drawn, out)
    parts += relaxer_reports(checkpoint, drawn, out)
    save_taught(checkpoint, out, real=[drawn])
    return out / "model.safetensors", parts


def test_both_parts_report_their_steps(taught):
    _, parts = taught
    assert [each.part for each in parts] == ["critic"] * 6 + ["relaxer"] * 6
    assert "largest_force" in parts[5].validation
    assert "shift_error" in parts[-1].validation


def test_only_critic_and_relaxer_change(taught, checkpoint):
    after = load_checkpoint(taught[0])
    added = after.tensors.keys() - checkpoint.tensors.keys()
    changed = {
        name
        for name, tensor in checkpoint.tensors.items()
        if not same(after.tensors[name], tensor)
    }
    assert added
    assert changed
    assert all(name.startswith("generative.critic.") for name in added)
    assert all(name.startswith("generative.relaxer.") for name in changed)
    for part in ("critic_taught", "relaxer_taught"):
        assert after.config[part]["steps"] == CONFIG.steps


def test_without_relaxed_crystals_the_relaxer_stays(checkpoint, drawn, tmp_path):
    critic_reports(checkpoint, drawn, tmp_path)
    save_taught(checkpoint, tmp_path)
    after = load_checkpoint(tmp_path / "model.safetensors")
    for name, tensor in checkpoint.tensors.items():
        assert same(after.tensors[name], tensor)


@pytest.mark.parametrize("n", [2, 5])
def test_either_part_resumes_bit_for_bit(checkpoint, drawn, taught, tmp_path, n):
    for part in (critic_reports, relaxer_reports):
        part(checkpoint, drawn, tmp_path, n=n)
        assert len(part(checkpoint, drawn, tmp_path)) == CONFIG.steps - n
        assert part(checkpoint, drawn, tmp_path) == []
    save_taught(checkpoint, tmp_path, real=[drawn])
    again = load_checkpoint(tmp_path / "model.safetensors").tensors
    expected = load_checkpoint(taught[0]).tensors
    assert all(same(again[name], each) for name, each in expected.items())


def test_the_critic_is_told_what_real_crystals_are_made_of(
    checkpoint, drawn, taught, tmp_path
):
    critic = load_weights(taught[0]).networks.critic
    assert critic is not None
    expected = usual_features(critic, [drawn])
    np.testing.assert_allclose(critic.usual_features, expected, atol=1e-6)
    critic_reports(checkpoint, drawn, tmp_path)
    save_taught(checkpoint, tmp_path)
    alone = load_weights(tmp_path / "model.safetensors").networks.critic
    assert alone is not None
    assert alone.usual_features.isnan().all()


@pytest.mark.parametrize("part", [critic_reports, relaxer_reports])
def test_taught_weights_are_to_be_calibrated_anew(taught, drawn, tmp_path, part):
    path = tmp_path / "calibrated.safetensors"
    save_stability(taught[0], np.ones(N_COEFFICIENTS), path)
    calibrated = load_checkpoint(path)
    part(calibrated, drawn, tmp_path)
    save_taught(calibrated, tmp_path)
    for where, is_unknown in ((path, False), (tmp_path / "model.safetensors", True)):
        critic = load_weights(where).networks.critic
        assert critic is not None
        assert critic.stability.isnan().all() == is_unknown


def test_what_is_missing_in_drawn_crystals_is_asked_for(taught, drawn, tmp_path):
    """And nothing else, and nothing at all where nothing is missing."""
    path = tmp_path / "model.safetensors"
    path.write_bytes(taught[0].read_bytes())
    name = "generative.critic.usual_features"
    before = load_checkpoint(path).tensors
    half = CrystalTable.from_crystals(
        [drawn.crystal(row) for row in range(0, len(drawn), 2)],
        identifiers=drawn.identifiers[::2],
    )
    save_corrected(path, half, true_features([drawn]))
    after = load_checkpoint(path).tensors
    missing = true_features([drawn]) - true_features([half])
    assert np.abs(missing).max() > 0.01
    np.testing.assert_allclose(after[name] - before[name], missing, atol=1e-6)
    assert all(same(after[n], before[n]) for n in before if n != name)
    save_corrected(path, drawn, true_features([drawn]))
    torch.testing.assert_close(load_checkpoint(path).tensors[name], after[name])


def test_taught_weights_can_be_taught_again(taught, drawn, tmp_path):
    critic_reports(load_checkpoint(taught[0]), drawn, tmp_path)
    save_taught(load_checkpoint(taught[0]), tmp_path)
    assert load_weights(tmp_path / "model.safetensors").networks.critic is not None


def test_a_critic_goes_on_from_what_it_was(taught, drawn, tmp_path):
    """With a rate of next to nothing it stays, where a new one would begin anew."""
    before = load_checkpoint(taught[0])
    still = replace(CONFIG, learning_rate=1e-12, learning_rate_floor=0.0)
    list(teach_critic(before, lesson_of(drawn), still, Machine(), out=tmp_path))
    save_taught(before, tmp_path)
    after = load_checkpoint(tmp_path / "model.safetensors")
    for name, tensor in before.tensors.items():
        torch.testing.assert_close(after.tensors[name], tensor, equal_nan=True)


def test_a_blend_lies_between_before_and_after(taught, checkpoint, tmp_path):
    after, before = load_checkpoint(taught[0]).tensors, checkpoint.tensors
    path = tmp_path / "model.safetensors"
    for part in ("critic", "relaxer"):
        (tmp_path / part).symlink_to(taught[0].parent / part)
    for blend, expected in ((1.0, after), (0.0, before)):
        save_taught(checkpoint, tmp_path, blend=blend)
        found = load_checkpoint(path).tensors
        for name in before:
            torch.testing.assert_close(found[name], expected[name])
    save_taught(checkpoint, tmp_path, blend=0.25)
    for name, tensor in load_checkpoint(path).tensors.items():
        if name in before:
            mean = 0.75 * before[name] + 0.25 * after[name]
            torch.testing.assert_close(tensor, mean, check_dtype=False)


def test_weights_without_a_relaxer_are_refused(
    tiny_config, statistics, drawn, tmp_path
):
    config = replace(tiny_config, relaxer_layers=0)
    without = save(tmp_path / "without.safetensors", config, statistics)
    with pytest.raises(TrainingError, match="relaxer_layers"):
        relaxer_reports(without, drawn, tmp_path)


def test_crystals_too_large_for_the_networks_are_refused(
    tiny_config, statistics, drawn, tmp_path
):
    config = replace(tiny_config, max_orbits=2, critic_width=8)
    small = save(tmp_path / "small.safetensors", config, statistics)
    for part in (critic_reports, relaxer_reports):
        with pytest.raises(TrainingError, match="orbits"):
            part(small, drawn, tmp_path)


def test_real_crystals_are_known_as_they_were_learnt(drawn, statistics):
    both = examples_of(drawn, [drawn], statistics.vocabulary)
    n = len(drawn)
    assert len(both) == 2 * n
    labels = [statistics.vocabulary.label(each) for each in prototypes_of(drawn)]
    np.testing.assert_array_equal(both.centre[:n], [label[1] for label in labels])
    learnt = [
        statistics.vocabulary.training_label(each) for each in prototypes_of(drawn)
    ]
    np.testing.assert_array_equal(both.centre[n:], [label[1] for label in learnt])
    np.testing.assert_array_equal(both.prototype[n:], [label[0] for label in learnt])


def test_a_run_from_nothing_has_no_critic(tiny_config, tables, tmp_path):
    config = RunConfig(model=replace(tiny_config, critic_layers=2), train=CONFIG)
    with pytest.raises(TrainingError, match="crystalgen teach"):
        next(train_run(config, tables, None, tmp_path))
