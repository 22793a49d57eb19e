"""A toy regression that the training loop cannot tell from the real problem."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from crystalgen.training.config import TrainConfig
from crystalgen.training.fit import fit
from crystalgen.training.machine import Machine
from crystalgen.training.problem import Losses

collect_ignore = ["ddp_worker.py"]  # a program for torchrun, no module


@dataclass(frozen=True)
class ToyBatch:
    inputs: Tensor
    targets: Tensor


class ToyProblem:
    """Regress sums of sines, under noise that anneals."""

    def __init__(self, n_crystals=60, *, seed=0, noise=0.1, bad=()):
        random = np.random.default_rng(seed)
        self.n_orbits = random.integers(1, 9, n_crystals)
        self.identifiers = [f"toy-{i}" for i in range(n_crystals)]
        self.inputs = torch.tensor(random.normal(size=(n_crystals, 4))).float()
        self.targets = self.inputs.sin().sum(dim=1, keepdim=True)
        self.targets[list(bad)] = float("nan")
        self.noise = noise

    def collate(self, indices, device):
        return ToyBatch(
            self.inputs[indices].to(device), self.targets[indices].to(device)
        )

    def loss_of(self, model, batch, *, progress, generator):
        noise = torch.randn(batch.inputs.shape, generator=generator)
        inputs = batch.inputs + self.noise * (1 - progress) * noise
        error = (model(inputs) - batch.targets).square()
        return Losses(
            total=error.mean(),
            n_crystals=len(inputs),
            parts={"absolute": error.detach().sqrt().mean()},
        )


def toy_model(dropout=0.1):
    """Build the same small network each time; it has an unused head."""
    with torch.random.fork_rng():
        torch.manual_seed(7)
        model = nn.Sequential(
            nn.Linear(4, 16), nn.SiLU(), nn.Dropout(dropout), nn.Linear(16, 1)
        )
        model.register_parameter("unused", nn.Parameter(torch.ones(3)))
        return model


TOY_CONFIG = TrainConfig(
    epochs=3,
    warmup_steps=5,
    orbits_per_batch=64,
    log_every=1,
    learning_rate=1e-2,
    device="cpu",
)
TOY_SETTINGS = {"model": {"width": 16}}


@dataclass(frozen=True)
class Toy:
    """What a test needs to start a run; test modules cannot import this one."""

    config: TrainConfig = TOY_CONFIG
    problem: Callable[..., ToyProblem] = ToyProblem
    model: Callable[..., nn.Module] = toy_model

    def fit(self, out, *, config=TOY_CONFIG, problem=None, model=None, **settings):
        return fit(
            model or toy_model(),
            problem or ToyProblem(),
            config,
            settings.pop("machine", Machine()),
            out=out,
            describe=settings.pop("describe", TOY_SETTINGS),
            **settings,
        )


@pytest.fixture
def toy():
    return Toy()
