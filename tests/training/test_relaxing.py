"""The part of a run that trains the relaxer alone."""

from dataclasses import replace

import pytest
import torch

from crystalgen.errors import TrainingError
from crystalgen.generation.weights import load_weights
from crystalgen.model.checkpoint import load_checkpoint
from crystalgen.training.config import TrainConfig
from crystalgen.training.objective import AutoencoderProblem, ObjectiveConfig
from crystalgen.training.relaxing import FOLDER, PART, relaxer_problem
from crystalgen.training.run import RunConfig, initial_model, train_run


@pytest.fixture(scope="module")
def config(tiny_config):
    return RunConfig(
        model=replace(tiny_config, relaxer_width=8, relaxer_layers=2),
        train=TrainConfig(
            steps=3,
            relaxer_steps=4,
            orbits_per_batch=24,
            warmup_steps=2,
            ema_decay=0.5,
            device="cpu",
        ),
    )


def reports(config, tables, out, *, n=None, resume=False):
    found = []
    for report in train_run(config, tables, tables, out, resume=resume):
        found.append(report)
        if len(found) == n:
            break
    return found


def tensors(out):
    return load_checkpoint(out / "model.safetensors").tensors


@pytest.fixture(scope="module")
def whole(config, tables, tmp_path_factory):
    out = tmp_path_factory.mktemp("whole")
    return out, reports(config, tables, out)


@pytest.fixture(scope="module")
def first(config, tables, tmp_path_factory):
    """The first part alone."""
    out = tmp_path_factory.mktemp("first")
    reports(config, tables, out, n=4)
    return out


def test_the_second_part_follows_with_the_relaxer_alone(whole, first):
    out, found = whole
    assert [report.part for report in found] == [""] * 3 + [PART] * 4
    assert [report.step for report in found] == [1, 2, 3, 1, 2, 3, 4]
    assert set(found[-1].validation) == {
        "loss",
        "relaxation",
        "shift_error",
        "shift_before",
    }
    before, after = tensors(first), tensors(out)
    assert before.keys() == after.keys()
    changed = {name for name in after if not torch.equal(before[name], after[name])}
    assert changed
    assert all(".relaxer." in name for name in changed)


def test_the_relaxer_learns_nothing_before_its_part(whole, first, config, autoencoder):
    _, found = whole
    assert "shift_error" not in found[2].validation
    start = initial_model(config, autoencoder.generative.statistics).state_dict()
    after = tensors(first)
    of_relaxer = [name for name in after if ".relaxer." in name]
    assert of_relaxer
    assert all(torch.equal(after[name], start[name]) for name in of_relaxer)
    assert any(not torch.equal(after[name], start[name]) for name in after)


def test_without_a_part_of_its_own_the_relaxer_learns_along(config, tables, tmp_path):
    along = replace(config, train=replace(config.train, relaxer_steps=0))
    assert "shift_error" in reports(along, tables, tmp_path)[-1].validation


def test_the_weights_of_a_run_say_how_both_parts_were_trained(whole, config):
    saved = load_checkpoint(whole[0] / "model.safetensors")
    assert saved.config["train"]["steps"] == 3
    assert saved.config["train"]["relaxer_steps"] == 4
    assert saved.metadata["step"] == "3"
    assert saved.metadata["relaxer_step"] == "4"
    assert load_weights(whole[0] / "model.safetensors").networks.relaxer is not None


@pytest.mark.parametrize("n", [2, 3, 5, 7])
def test_either_part_resumes_bit_for_bit(config, tables, tmp_path, whole, n):
    reports(config, tables, tmp_path, n=n)
    rest = reports(config, tables, tmp_path, resume=True)
    assert len(rest) == 7 - n
    again = tensors(tmp_path)
    assert all(torch.equal(again[k], each) for k, each in tensors(whole[0]).items())
    assert reports(config, tables, tmp_path, resume=True) == []


def test_a_finished_run_goes_on_with_a_part_that_is_asked_for_later(
    config, tables, tmp_path
):
    short = replace(config, train=replace(config.train, relaxer_steps=0))
    reports(short, tables, tmp_path)
    before = tensors(tmp_path)
    assert not (tmp_path / FOLDER).exists()
    found = reports(config, tables, tmp_path, resume=True)
    assert [report.part for report in found] == [PART] * 4
    after = tensors(tmp_path)
    changed = {name for name in after if not torch.equal(before[name], after[name])}
    assert changed
    assert all(".relaxer." in name for name in changed)


def test_without_a_relaxer_there_is_no_second_part(config, tables, tmp_path):
    without = replace(config, model=replace(config.model, relaxer_layers=0))
    assert len(reports(without, tables, tmp_path)) == 3


def test_a_model_without_a_relaxer_is_refused(config, examples, autoencoder):
    problem = AutoencoderProblem(examples=examples, config=ObjectiveConfig())
    without = replace(config, model=replace(config.model, relaxer_layers=0))
    model = initial_model(without, autoencoder.generative.statistics)
    with pytest.raises(TrainingError, match="relaxer_layers"):
        relaxer_problem(
            model.generative, problem, orbits_per_batch=8, device=torch.device("cpu")
        )
