from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from torch import nn

from crystalgen.config import build
from crystalgen.errors import ConfigError
from crystalgen.model.autoencoder import Relaxations
from crystalgen.model.collate import collate
from crystalgen.model.noise import draw_noise, no_noise
from crystalgen.training import hiding
from crystalgen.training.objective import (
    AutoencoderProblem,
    ObjectiveConfig,
    autoencoder_losses,
)
from crystalgen.training.rates import rates

CPU = torch.device("cpu")
WHOLE = np.arange(14)


def pass_over(autoencoder, batch, *, seed=None):
    """One pass, without noise if there is no seed."""
    config = autoencoder.generative.config
    if seed is None:
        noise = no_noise(config, batch)
    else:
        noise = draw_noise(config, batch, torch.Generator().manual_seed(seed))
    return autoencoder(
        batch, noise, Relaxations(code_temperature=0.7, species_temperature=0.7)
    )


def losses_of(
    autoencoder, batch, outcome, *, beta=0.5, free_bits=0.0, usage_weight=0.0
):
    return autoencoder_losses(
        autoencoder,
        batch,
        outcome,
        beta=beta,
        free_bits=free_bits,
        usage_weight=usage_weight,
    )


def roles_of(batch):
    return batch.templates.role_present(batch.species.shape[1])


@pytest.fixture(scope="module")
def batch(examples):
    return collate(examples, WHOLE)


@pytest.fixture(scope="module")
def outcome(autoencoder, batch):
    with torch.no_grad():
        return pass_over(autoencoder, batch, seed=0)


@pytest.fixture(scope="module")
def problem(examples):
    return AutoencoderProblem(examples=examples, config=ObjectiveConfig())


def test_beta_weighs_the_rates_above_the_free_bits(autoencoder, outcome, batch):
    species, geometry = rates(outcome, roles_of(batch))
    for free_bits in (0.0, 0.3, 1e3):
        none, some = (
            losses_of(autoencoder, batch, outcome, beta=beta, free_bits=free_bits).total
            for beta in (0.0, 0.5)
        )
        charged = torch.cat([species, geometry]).clamp(min=free_bits).sum()
        torch.testing.assert_close(some - none, 0.5 * charged, atol=1e-3, rtol=1e-4)


def test_codes_within_the_free_bits_are_not_pushed_to_their_prior(autoencoder, batch):
    encoder = list(autoencoder.encoder.transformer.parameters())

    def gradients(beta, free_bits):
        outcome = pass_over(autoencoder, batch, seed=0)
        losses = losses_of(autoencoder, batch, outcome, beta=beta, free_bits=free_bits)
        return torch.autograd.grad(losses.total, encoder)

    without, free, charged = (
        gradients(0.0, 0.0),
        gradients(5.0, 1e3),
        gradients(5.0, 0.0),
    )
    for one, two in zip(without, free, strict=True):
        torch.testing.assert_close(one, two)
    assert any(not torch.allclose(a, b) for a, b in zip(without, charged, strict=True))


def test_every_network_is_trained(autoencoder, batch):
    outcome = pass_over(autoencoder, batch, seed=0)
    losses = losses_of(autoencoder, batch, outcome)
    named = dict(autoencoder.named_parameters())
    gradients = torch.autograd.grad(
        losses.total, list(named.values()), allow_unused=True
    )
    unused = {
        name
        for name, gradient in zip(named, gradients, strict=True)
        if gradient is None and ".update." not in name and ".relaxer." not in name
    }
    # the relaxer has a loss of its own
    # tokens of the start of a crystal need no vectors of single positions
    assert unused == set()
    assert all(g.isfinite().all() for g in gradients if g is not None)


@settings(max_examples=10)
@given(order=st.permutations(range(14)))
def test_the_order_of_crystals_does_not_matter(autoencoder, examples, batch, order):
    shuffled = collate(examples, np.array(order))
    with torch.no_grad():
        one, two = (
            losses_of(autoencoder, each, pass_over(autoencoder, each), usage_weight=0.5)
            for each in (batch, shuffled)
        )
    torch.testing.assert_close(one.total, two.total, atol=1e-4, rtol=1e-5)
    for name in one.parts:
        torch.testing.assert_close(
            one.parts[name], two.parts[name], atol=1e-4, rtol=1e-4
        )


@settings(max_examples=20)
@given(
    indices=st.lists(st.integers(0, 13), min_size=1, max_size=5),
    progress=st.floats(0, 1),
    seed=st.integers(0, 99),
)
def test_losses_are_finite_for_any_crystals(
    autoencoder, problem, indices, progress, seed
):
    with torch.no_grad():
        losses = problem.loss_of(
            autoencoder,
            problem.collate(np.array(indices), CPU),
            progress=progress,
            generator=torch.Generator().manual_seed(seed),
        )
    assert losses.n_crystals == len(indices)
    assert losses.total.isfinite()
    assert all(part.isfinite() for part in losses.parts.values())
    assert 0 <= losses.parts["species_accuracy"] <= 1


def test_padding_does_not_change_the_loss_of_a_crystal(autoencoder, examples):
    alone = collate(examples, np.array([0]))
    twice = collate(examples, np.array([0, 12]))
    other = collate(examples, np.array([12]))
    with torch.no_grad():
        totals = [
            losses_of(autoencoder, each, pass_over(autoencoder, each)).total
            for each in (alone, other, twice)
        ]
    torch.testing.assert_close((totals[0] + totals[1]) / 2, totals[2])


def test_beta_is_zero_at_first_and_reaches_its_weight():
    config = ObjectiveConfig()
    betas = [config.beta(progress) for progress in np.linspace(0, 1, 101)]
    assert betas[0] == 0.0
    assert betas == sorted(betas)
    assert betas[-1] == config.rate_weight


def test_prototypes_are_hidden_in_training_only(
    autoencoder, examples, batch, monkeypatch
):
    config = replace(autoencoder.generative.config, prototype_dropout=1.0, dropout=0.0)
    problem = AutoencoderProblem(
        examples=examples, config=ObjectiveConfig(balance_weight=0.0)
    )
    monkeypatch.setattr(hiding, "NEW_TEMPLATE_SHARE", 1.0)
    model = type(autoencoder)(config, autoencoder.generative.statistics)
    hidden = replace(
        batch,
        templates=replace(
            batch.templates,
            prototype=torch.zeros_like(batch.templates.prototype),
            centre=torch.zeros_like(batch.templates.centre),
        ),
    )

    def total(crystals, *, training):
        # hiding draws from the generator too, so noise is made equal by its own seed
        torch.manual_seed(0)
        return problem.loss_of(
            model.train(training),
            crystals,
            progress=1.0,
            generator=torch.Generator().manual_seed(0),
        ).total

    with torch.no_grad():
        assert total(batch, training=True) == total(hidden, training=True)
        assert total(batch, training=False) != total(hidden, training=False)


def test_a_model_wrapped_for_several_processes_is_looked_into(
    autoencoder, problem, batch
):
    class Wrapped(nn.Module):
        def __init__(self, module):
            super().__init__()
            self.module = module

        def forward(self, *arguments):
            return self.module(*arguments)

    with torch.no_grad():
        totals = [
            problem.loss_of(
                model.eval(),
                batch,
                progress=0.5,
                generator=torch.Generator().manual_seed(0),
            ).total
            for model in (autoencoder, Wrapped(autoencoder))
        ]
    assert totals[0] == totals[1]


def test_another_model_is_refused(problem, batch):
    with pytest.raises(TypeError, match="expected a CrystalAutoencoder, got Linear"):
        problem.loss_of(
            nn.Linear(1, 1), batch, progress=0.0, generator=torch.Generator()
        )


@pytest.mark.parametrize("name", ["rate_weight", "rate_warmup", "usage_weight"])
def test_a_negative_weight_is_refused(name):
    with pytest.raises(ConfigError, match=f"{name} must be >= 0, got -1"):
        build(ObjectiveConfig, {name: -1.0}, where="run.toml [objective]")


def test_the_problem_tells_the_loop_sizes_and_names(problem, crystals):
    assert problem.n_orbits.tolist() == [each.n_orbits for each in crystals]
    assert list(problem.identifiers) == [each.formula for each in crystals]
