from dataclasses import replace

import pytest
import safetensors.torch
import torch

from crystalgen.errors import CheckpointError, TrainingError
from crystalgen.model.checkpoint import load_checkpoint
from crystalgen.training.metrics import read_metrics

CLOCK = {"crystals_per_s", "minutes"}


def curve(folder):
    """Everything in the metrics that does not depend on the clock."""
    return [
        {name: value for name, value in line.items() if name not in CLOCK}
        for line in read_metrics(folder / "metrics.jsonl")
    ]


def weights(folder, file="model.safetensors"):
    return load_checkpoint(folder / file).tensors


def assert_equal_bits(first, second):
    assert first.keys() == second.keys()
    for name, tensor in first.items():
        assert torch.equal(tensor, second[name]), name


@pytest.mark.parametrize("log_every", [1, 4])
@pytest.mark.parametrize("share", ["in the first epoch", "mid-epoch", "between epochs"])
def test_a_resumed_run_equals_an_uninterrupted_one_bit_for_bit(
    toy, tmp_path, share, log_every
):
    config = replace(toy.config, log_every=log_every)
    validation = toy.problem(20, seed=1)
    last = list(toy.fit(tmp_path / "whole", config=config, validation=validation))[-1]
    n_batches = last.steps // config.epochs
    after = {
        "in the first epoch": 1,
        "mid-epoch": n_batches + n_batches // 2,
        "between epochs": 2 * n_batches,
    }[share]
    asked = iter(range(last.steps))
    out = tmp_path / "parts"
    first = list(
        toy.fit(
            out,
            config=config,
            validation=validation,
            stop=lambda: next(asked) == after - 1,
        )
    )
    assert first[-1].step == after
    assert first[-1].is_stopped
    assert first[-1].is_saved

    second = list(toy.fit(out, config=config, validation=validation, resume=True))

    assert second[0].step == after + 1
    assert curve(out) == curve(tmp_path / "whole")
    assert_equal_bits(weights(out), weights(tmp_path / "whole"))
    assert_equal_bits(
        weights(out, "best.safetensors"),
        weights(tmp_path / "whole", "best.safetensors"),
    )


def test_a_killed_run_repeats_the_steps_after_its_last_checkpoint(toy, tmp_path):
    list(toy.fit(tmp_path / "whole"))
    out = tmp_path / "killed"
    run = toy.fit(out, stop=lambda: False)
    for report in run:
        if report.step == 3:
            run.close()  # saves
            break
    saved = (out / "state.safetensors").read_bytes()
    run = toy.fit(out, resume=True)
    for report in run:
        if report.step == 9:
            break
    run.close()
    (out / "state.safetensors").write_bytes(saved)  # as if step 9 was never saved
    with (out / "metrics.jsonl").open("a") as file:
        file.write('{"step": 10, "los')

    list(toy.fit(out, resume=True))

    assert curve(out) == curve(tmp_path / "whole")


def test_the_loss_falls_and_the_shipped_weights_are_the_averaged_ones(toy, tmp_path):
    model = toy.model()
    config = replace(toy.config, epochs=20)
    reports = list(toy.fit(tmp_path, model=model, config=config))

    assert reports[-1].losses["loss"] < 0.5 * reports[0].losses["loss"]
    assert reports[-1].progress == 1
    assert reports[-1].epoch == 20
    shipped = weights(tmp_path)["0.weight"]
    assert not torch.equal(shipped, model[0].weight)
    assert torch.allclose(shipped, model[0].weight, atol=0.05)


def test_a_file_of_weights_holds_what_building_the_model_takes(toy, tmp_path):
    list(toy.fit(tmp_path))

    checkpoint = load_checkpoint(tmp_path / "model.safetensors")
    assert checkpoint.config["model"] == {"width": 16}
    assert checkpoint.config["train"]["learning_rate"] == toy.config.learning_rate
    assert checkpoint.tensors.keys() == toy.model().state_dict().keys()
    assert int(checkpoint.metadata["epoch"]) == toy.config.epochs


def test_the_best_weights_are_kept(toy, tmp_path):
    validation = toy.problem(20, seed=1)
    rising = replace(toy.config, learning_rate=3.0, epochs=6, clip_norm=100.0)
    reports = list(toy.fit(tmp_path, config=rising, validation=validation))

    losses = {r.epoch: r.validation["loss"] for r in reports if r.validation}
    best = load_checkpoint(tmp_path / "best.safetensors")
    assert len(losses) == 6
    assert int(best.metadata["epoch"]) == min(losses, key=lambda e: losses[e])


def test_a_folder_in_use_is_not_overwritten(toy, tmp_path):
    list(toy.fit(tmp_path))

    with pytest.raises(TrainingError, match=r"already holds a run; continue it with"):
        next(toy.fit(tmp_path))


def test_resuming_an_empty_folder_starts_and_resuming_a_finished_run_does_nothing(
    toy, tmp_path
):
    assert next(iter(toy.fit(tmp_path, resume=True))).step == 1
    list(toy.fit(tmp_path, resume=True))
    assert list(toy.fit(tmp_path, resume=True)) == []


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"seed": 1}, "seed = 0, got 1; set it back"),
        ({"orbits_per_batch": 32}, "orbits_per_batch = 64, got 32"),
    ],
)
def test_a_run_is_not_resumed_with_settings_that_move_its_batches(
    toy, tmp_path, changed, message
):
    list(toy.fit(tmp_path))
    with pytest.raises(CheckpointError, match=message):
        next(toy.fit(tmp_path, config=replace(toy.config, **changed), resume=True))


def test_a_run_is_not_resumed_on_other_crystals_or_another_model(toy, tmp_path):
    list(toy.fit(tmp_path))
    with pytest.raises(CheckpointError, match=r"training data = 60 crystals .* got 61"):
        next(toy.fit(tmp_path, problem=toy.problem(61), resume=True))
    other = {"model": {"width": 32}}
    with pytest.raises(CheckpointError, match=r"model.width = 16, got 32"):
        next(toy.fit(tmp_path, describe=other, resume=True))
    with pytest.raises(CheckpointError, match=r"written for another model; 0.bias is"):
        next(toy.fit(tmp_path, model=torch.nn.Bilinear(2, 2, 2), resume=True))


def test_a_longer_run_may_follow(toy, tmp_path):
    list(toy.fit(tmp_path))
    longer = replace(toy.config, epochs=5)

    assert list(toy.fit(tmp_path, config=longer, resume=True))[-1].epoch == 5


def test_a_time_budget_runs_the_schedule_to_its_end(toy, tmp_path):
    config = replace(toy.config, epochs=10_000, max_minutes=0.01)
    reports = list(toy.fit(tmp_path, config=config))

    assert reports[-1].progress == 1
    assert reports[-1].is_saved
    assert reports[-2].learning_rate < 0.1 * config.learning_rate


@pytest.mark.parametrize("culprit", ["loss", "gradient"])
def test_a_value_that_is_not_finite_stops_and_leaves_the_batch(
    toy, tmp_path, culprit, monkeypatch
):
    problem = toy.problem(bad=[17] if culprit == "loss" else ())
    model = toy.model()
    if culprit == "gradient":
        model[0].weight.register_hook(lambda gradient: gradient * torch.inf)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}

    what = {"loss": "the loss is nan", "gradient": "the gradient is not finite"}
    with pytest.raises(TrainingError, match=what[culprit]) as caught:
        list(toy.fit(tmp_path, problem=problem, model=model))

    path = tmp_path / "nan_batch.safetensors"
    assert str(path) in str(caught.value)
    batch = safetensors.torch.load_file(path)
    indices = batch["indices"]
    assert torch.equal(batch["batch.inputs"], problem.inputs[indices])
    with safetensors.safe_open(path, "pt") as file:
        assert f'"toy-{indices[0]}"' in file.metadata()["identifiers"]
        assert '"seed": 0' in file.metadata()["where"]
    if culprit == "gradient":
        assert_equal_bits(before, model.state_dict())
    else:
        assert 17 in indices


def test_a_folder_that_cannot_be_made_is_named(toy, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(TrainingError, match=r"file/run: cannot be created: Not a dir"):
        next(toy.fit(tmp_path / "file" / "run"))


def test_global_randomness_is_left_alone(toy, tmp_path):
    state = torch.get_rng_state()
    for _ in toy.fit(tmp_path, validation=toy.problem(20)):
        assert torch.equal(torch.get_rng_state(), state)
