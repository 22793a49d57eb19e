import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from crystalgen.training.batches import batch_plan
from crystalgen.training.metrics import read_metrics

WORKER = Path(__file__).with_name("ddp_worker.py")


def assert_equal_bits(one, other):
    first, second = load_file(one), load_file(other)
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Folder of what two processes under torchrun left."""
    out = tmp_path_factory.mktemp("ddp")
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    done = subprocess.run(
        [*torchrun, "--nproc-per-node=2", str(WORKER), str(out)],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return out


def test_all_processes_hold_the_gradient_of_the_union_of_their_batches(results, toy):
    problem, model = toy.problem(61, noise=0.0), toy.model(dropout=0.0)
    config = replace(toy.config, seed=5)
    union = np.concatenate(
        [
            batch_plan(
                problem.n_orbits,
                orbits_per_batch=config.orbits_per_batch,
                epoch=0,
                seed=config.seed,
                rank=rank,
                world_size=2,
            )[0]
            for rank in range(2)
        ]
    )
    batch = problem.collate(union, torch.device("cpu"))
    losses = problem.loss_of(
        model, batch, progress=0.0, generator=torch.Generator().manual_seed(0)
    )
    losses.total.backward()

    assert len(union) % 2 == 1  # so that the processes weigh differently
    for rank in range(2):
        shared = load_file(results / f"gradient-{rank}.safetensors")
        assert shared["loss"] == pytest.approx(losses.total.item(), rel=1e-6)
        for name, parameter in model.named_parameters():
            if parameter.grad is not None:
                assert torch.allclose(shared[name], parameter.grad, atol=1e-6), name


@pytest.mark.parametrize("run", ["whole", "parts"])
def test_all_processes_end_with_the_same_weights(results, run):
    first, second = (
        load_file(results / f"{run}-{rank}.safetensors") for rank in (0, 1)
    )

    assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_resumed_run_of_two_processes_equals_an_uninterrupted_one(results):
    whole, parts = (
        [
            {k: v for k, v in line.items() if k not in ("crystals_per_s", "minutes")}
            for line in read_metrics(results / run / "metrics.jsonl")
        ]
        for run in ("whole", "parts")
    )
    assert len(whole) == 9
    assert any("val_loss" in line for line in whole)
    assert parts == whole
    first, second = (
        load_file(results / f"{run}-0.safetensors") for run in ("whole", "parts")
    )
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_loss_of_nan_on_one_process_stops_all(results):
    for rank, file in enumerate(("nan_batch", "nan_batch-rank1")):
        message = (results / f"error-{rank}.txt").read_text()
        assert "TrainingError" in message
        assert f"{file}.safetensors" in message
        assert (results / "nan" / f"{file}.safetensors").is_file()
