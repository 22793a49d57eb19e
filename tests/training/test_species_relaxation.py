"""What the geometry teaches the species, by how they are relaxed."""

import numpy as np
import pytest
import torch
from torch import nn

from crystalgen.config import build
from crystalgen.errors import ConfigError
from crystalgen.estimators.gumbel_softmax import Relaxation
from crystalgen.model.collate import collate
from crystalgen.training.objective import AutoencoderProblem, ObjectiveConfig


@pytest.fixture(scope="module")
def batch(examples):
    return collate(examples, np.arange(14))


def roles_of(batch):
    return batch.templates.role_present(batch.species.shape[1])


def species_seen_and_gradient(autoencoder, examples, batch, **settings):
    """Species that the geometry decoder sees, and what the loss says of their logits.

    The gradient is what is left of it without that of the cross entropy.
    """
    problem = AutoencoderProblem(examples=examples, config=ObjectiveConfig(**settings))
    seen, outcomes = [], []
    decoder = autoencoder.generative.geometry_decoder
    hooks = [
        decoder.register_forward_pre_hook(lambda _, given: seen.append(given[1])),
        autoencoder.register_forward_hook(lambda *given: outcomes.append(given[2])),
    ]
    try:
        losses = problem.loss_of(
            autoencoder,
            batch,
            progress=0.5,
            generator=torch.Generator().manual_seed(0),
        )
    finally:
        for hook in hooks:
            hook.remove()
    logits = outcomes[0].species_logits
    (gradient,) = torch.autograd.grad(losses.total, logits)
    true = nn.functional.one_hot(batch.species, logits.shape[-1])
    wrong = (logits.detach().softmax(dim=-1) - true) * batch.templates.role_present(
        batch.species.shape[1]
    )[..., None]
    return seen[0], gradient - wrong / len(batch)


@pytest.mark.parametrize("relaxation", list(Relaxation))
@pytest.mark.parametrize("detach_species", [False, True])
def test_detached_species_learn_from_the_cross_entropy_alone(
    autoencoder, examples, batch, relaxation, detach_species
):
    _, gradient = species_seen_and_gradient(
        autoencoder,
        examples,
        batch,
        species_relaxation=relaxation,
        detach_species=detach_species,
    )
    if detach_species:
        torch.testing.assert_close(gradient, torch.zeros_like(gradient))
    else:
        assert gradient[roles_of(batch)].abs().max() > 1e-5


def test_the_geometry_sees_one_hot_species_only_if_they_are_drawn_straight_through(
    autoencoder, examples, batch
):
    soft, hard = (
        species_seen_and_gradient(
            autoencoder, examples, batch, species_relaxation=relaxation
        )[0]
        for relaxation in (Relaxation.SOFT, Relaxation.STRAIGHT_THROUGH)
    )
    torch.testing.assert_close(hard, hard.detach().round())
    torch.testing.assert_close(hard.sum(dim=-1), torch.ones_like(hard[..., 0]))
    assert soft.detach().amax(dim=-1).min() < 0.9
    assert torch.equal(soft.argmax(dim=-1), hard.argmax(dim=-1))


def test_the_relaxation_of_the_species_is_read_by_name():
    where = "run.toml [objective]"
    config = build(
        ObjectiveConfig, {"species_relaxation": "straight_through"}, where=where
    )
    assert config.species_relaxation is Relaxation.STRAIGHT_THROUGH
    with pytest.raises(ConfigError, match="did you mean 'soft'"):
        build(ObjectiveConfig, {"species_relaxation": "sofd"}, where=where)
