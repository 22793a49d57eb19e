import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st

from crystalgen.model.autoencoder import Relaxations
from crystalgen.model.codebook import Posterior
from crystalgen.model.collate import collate
from crystalgen.model.noise import draw_noise
from crystalgen.training.rates import (
    detach_posteriors,
    detach_priors,
    rates,
    unevenness,
    usage,
)


def pass_over(autoencoder, batch, *, seed):
    noise = draw_noise(
        autoencoder.generative.config, batch, torch.Generator().manual_seed(seed)
    )
    return autoencoder(
        batch, noise, Relaxations(code_temperature=0.7, species_temperature=0.7)
    )


def roles_of(batch):
    return batch.templates.role_present(batch.species.shape[1])


@pytest.fixture(scope="module")
def batch(examples):
    return collate(examples, np.arange(14))


@pytest.fixture(scope="module")
def outcome(autoencoder, batch):
    with torch.no_grad():
        return pass_over(autoencoder, batch, seed=0)


@settings(max_examples=10)
@given(seed=st.integers(0, 99))
def test_no_code_has_a_negative_rate(autoencoder, batch, seed):
    with torch.no_grad():
        each = rates(pass_over(autoencoder, batch, seed=seed), roles_of(batch))
    assert all((rate > 0).all() for rate in each)


def with_posteriors(outcome, species, orbits, crystals):
    """The same pass with other probabilities of the codes."""
    return outcome._replace(
        species_posterior=Posterior(species, outcome.species_posterior.sample),
        orbit_posterior=Posterior(orbits, outcome.orbit_posterior.sample),
        crystal_posterior=Posterior(crystals, outcome.crystal_posterior.sample),
    )


def test_codes_distributed_like_their_prior_have_no_rate(outcome, batch):
    rows = torch.arange(len(batch))[:, None]
    orbits = outcome.orbit_posterior.log_probabilities.clone()
    orbits[rows, outcome.order] = outcome.geometry_prior[:, 1:]
    like_prior = with_posteriors(
        outcome, outcome.species_prior, orbits, outcome.geometry_prior[:, 0]
    )
    for rate in rates(like_prior, roles_of(batch)):
        torch.testing.assert_close(rate, torch.zeros_like(rate), atol=1e-6, rtol=0)


def test_codes_of_padding_and_of_fixed_orbits_cost_nothing(autoencoder, outcome, batch):
    coded = autoencoder.generative.coded_orbits(batch.templates)
    has_role = roles_of(batch)

    def spoiled(posterior, counted):
        log_q = posterior.log_probabilities
        return torch.where(counted[..., None, None], log_q, log_q.roll(1, dims=-1))

    other = with_posteriors(
        outcome,
        spoiled(outcome.species_posterior, has_role),
        spoiled(outcome.orbit_posterior, coded),
        outcome.crystal_posterior.log_probabilities,
    )
    for one, two in zip(rates(outcome, has_role), rates(other, has_role), strict=True):
        torch.testing.assert_close(one, two)


def test_the_rate_of_a_certain_code_is_its_surprise_under_the_prior(outcome, batch):
    hot = outcome.crystal_posterior.sample
    certain = with_posteriors(
        outcome,
        outcome.species_prior,
        outcome.orbit_posterior.log_probabilities,
        (hot * 60 - 60).log_softmax(dim=-1),
    )
    _, geometry = rates(certain, roles_of(batch))
    without = certain._replace(
        crystal_posterior=Posterior(outcome.geometry_prior[:, 0], hot)
    )
    _, rest = rates(without, roles_of(batch))
    surprise = -(hot * outcome.geometry_prior[:, 0]).sum(dim=-1).mean(dim=0)
    torch.testing.assert_close(geometry - rest, surprise)


def test_usage_counts_the_entries_that_are_drawn():
    even = torch.eye(4)[:, None].expand(4, 2, 4)
    one = torch.eye(4)[[0, 0, 0, 0]][:, None].expand(4, 2, 4)
    everything = torch.ones(4, dtype=torch.bool)
    torch.testing.assert_close(usage(even, everything), torch.tensor(4.0))
    torch.testing.assert_close(usage(one, everything), torch.tensor(1.0))
    torch.testing.assert_close(usage(even, torch.eye(4)[0] > 0), torch.tensor(1.0))


def test_usage_of_no_code_at_all_is_one_and_not_nan():
    assert usage(torch.eye(4)[:, None], torch.zeros(4, dtype=torch.bool)) == 1.0


@settings(max_examples=10)
@given(seed=st.integers(0, 99))
def test_unevenness_is_never_negative(autoencoder, batch, seed):
    with torch.no_grad():
        outcome = pass_over(autoencoder, batch, seed=seed)
    assert unevenness(outcome.species_posterior, roles_of(batch)) > 0


def test_unevenness_is_zero_for_even_use_and_largest_for_a_dead_codebook():
    even = torch.eye(4)[:, None].expand(4, 2, 4)
    dead = torch.eye(4)[[0, 0, 0, 0]][:, None].expand(4, 2, 4)
    counted = torch.ones(4, dtype=torch.bool)
    for sample, expected in ((even, 0.0), (dead, 2 * math.log(4))):
        posterior = Posterior((40 * sample - 40).log_softmax(dim=-1), sample)
        torch.testing.assert_close(
            unevenness(posterior, counted), torch.tensor(expected), atol=1e-5, rtol=1e-5
        )


def test_tokens_that_do_not_count_change_no_unevenness():
    source = torch.Generator().manual_seed(0)
    log_q = torch.randn(6, 2, 4, generator=source).log_softmax(dim=-1)
    counted = torch.tensor([True, False, True, True, False, True])
    one = unevenness(Posterior(log_q, log_q), counted)
    other = log_q[counted]
    two = unevenness(Posterior(other, other), torch.ones(4, dtype=torch.bool))
    torch.testing.assert_close(one, two)


@pytest.mark.parametrize("detach", [detach_posteriors, detach_priors])
def test_a_detached_side_gets_no_gradient_and_the_rates_stay(
    autoencoder, batch, detach
):
    outcome = pass_over(autoencoder, batch, seed=0)
    other = rates(detach(outcome), roles_of(batch))
    for one, two in zip(rates(outcome, roles_of(batch)), other, strict=True):
        assert torch.equal(one, two)
    gradients = torch.autograd.grad(
        torch.cat(other).sum(),
        [outcome.crystal_posterior.log_probabilities, outcome.geometry_prior],
        allow_unused=True,
    )
    is_cut = [gradient is None for gradient in gradients]
    assert is_cut == [detach is detach_posteriors, detach is detach_priors]
