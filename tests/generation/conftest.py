"""A generator whose tiny networks are untrained: any draw is as good as another."""

from copy import deepcopy
from dataclasses import replace

import pytest
import torch

from crystalgen.config import as_plain
from crystalgen.generation.generator import Generator
from crystalgen.generation.weights import load_weights
from crystalgen.model.autoencoder import CrystalAutoencoder
from crystalgen.model.checkpoint import save_checkpoint
from crystalgen.model.critic import Critic
from crystalgen.model.statistics import count_statistics


@pytest.fixture(scope="session")
def save(tiny_config, tmp_path_factory):
    """Save an untrained model of some tables; returns the file."""

    def save_model(tables, name="tiny"):
        with torch.random.fork_rng():
            torch.manual_seed(5)
            model = CrystalAutoencoder(tiny_config, count_statistics(*tables))
        path = tmp_path_factory.mktemp(name) / f"{name}.safetensors"
        save_checkpoint(
            path,
            model.state_dict(),
            {"model": as_plain(tiny_config), "objective": {}},
        )
        return path

    return save_model


@pytest.fixture(scope="session")
def checkpoint(save, tables):
    """Weights of the textbook crystals."""
    return save(tables)


@pytest.fixture(scope="session")
def generator(checkpoint):
    return Generator.load(checkpoint)


@pytest.fixture(scope="session")
def weights(generator):
    return generator.weights


@pytest.fixture(scope="module")
def critical(weights):
    """The same weights with a critic whose taste is arbitrary."""
    copy = deepcopy(weights)
    config = replace(copy.config, critic_width=16, critic_layers=1)
    with torch.random.fork_rng():
        torch.manual_seed(1)
        critic = Critic(config).eval()
        # costs of order 1, as a trained one has them
        last = critic.out[-1]
        assert isinstance(last, torch.nn.Linear)
        last.weight.data *= 10.0
    copy.networks.critic = critic
    return copy


@pytest.fixture(scope="session")
def told_weights(told_checkpoint):
    """Weights that listen to the properties gap and energy."""
    return load_weights(told_checkpoint)
