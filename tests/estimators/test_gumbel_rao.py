"""Noise given a draw, and the mean and variance of gradients averaged over it."""

import math

import pytest
import torch
from hypothesis import given, strategies as st
from scipy.stats import gumbel_r, kstest

from crystalgen.estimators.gumbel_rao import perturbed_given_draw
from crystalgen.estimators.gumbel_softmax import Relaxation, draw, gumbel_noise

LOGITS = torch.tensor([0.9, 0.0, -1.2], dtype=torch.float64)
N = 200_000


def noise_of(seed, *shape):
    generator = torch.Generator().manual_seed(seed)
    return gumbel_noise(shape, generator=generator, dtype=torch.float64)


def drawn(logits, noise):
    return torch.nn.functional.one_hot((logits + noise).argmax(-1), logits.shape[-1])


def objective(y):
    matrix = torch.tensor([[1.0, -2, 0.5], [0.3, 1, 2], [-1, 0.7, 1]]).double()
    return ((y @ matrix) ** 2).sum(-1)


def gradients(relaxation, *, n_more=0, temperature=0.5):
    leaf = LOGITS.repeat(N, 1).requires_grad_()
    sample = draw(
        leaf,
        noise_of(1, N, 3),
        temperature=temperature,
        relaxation=relaxation,
        more_noise=noise_of(2, n_more, N, 3) if n_more else None,
    )
    objective(sample).sum().backward()
    assert leaf.grad is not None
    return leaf.grad


@given(st.integers(0, 10**6))
def test_the_largest_sum_is_that_of_the_category_drawn(seed):
    logits, noise = noise_of(seed, 5, 3), noise_of(seed + 1, 5, 3)
    one_hot = drawn(logits, noise)
    perturbed = perturbed_given_draw(logits, one_hot > 0, noise_of(seed + 2, 8, 5, 3))
    assert perturbed.shape == (8, 5, 3)
    assert (perturbed.argmax(-1) == one_hot.argmax(-1)).all()


def test_over_all_draws_it_is_gumbel_noise_again():
    logits = LOGITS.repeat(N, 1)
    one_hot = drawn(logits, noise_of(1, N, 3))
    (perturbed,) = perturbed_given_draw(logits, one_hot > 0, noise_of(2, 1, N, 3))
    for column in (perturbed - logits.log_softmax(-1)).T:
        assert kstest(column.numpy(), gumbel_r.cdf).pvalue > 0.01


@pytest.mark.parametrize("category", range(3))
def test_given_a_draw_it_is_the_noise_of_those_who_drew_it(category):
    own = noise_of(1, N, 3) + LOGITS.log_softmax(-1)
    kept = own[own.argmax(-1) == category]
    is_drawn = torch.zeros(len(kept), 3, dtype=torch.bool)
    is_drawn[:, category] = True
    fresh = noise_of(2, 1, len(kept), 3)
    (made,) = perturbed_given_draw(LOGITS.repeat(len(kept), 1), is_drawn, fresh)
    for theirs, ours in zip(kept.T, made.T, strict=True):
        assert kstest(theirs.numpy(), ours.numpy()).pvalue > 0.01
    # of the joint distribution, too
    torch.testing.assert_close(kept.T.cov(), made.T.cov(), rtol=0.05, atol=0.02)


def test_a_category_that_cannot_be_drawn_has_no_noise():
    allowed = torch.tensor([[0.3, -torch.inf, 0.1]], dtype=torch.float64)
    is_drawn = torch.tensor([[True, False, False]])
    perturbed = perturbed_given_draw(allowed, is_drawn, noise_of(0, 6, 1, 3))
    assert (perturbed[..., 1] == -torch.inf).all()
    assert perturbed[..., [0, 2]].isfinite().all()


def test_its_gradient_has_the_mean_of_straight_through():
    straight = gradients(Relaxation.STRAIGHT_THROUGH)
    averaged = gradients(Relaxation.GUMBEL_RAO, n_more=9)
    error = (straight - averaged).std(0) / math.sqrt(N)
    assert ((straight.mean(0) - averaged.mean(0)).abs() < 4 * error).all()


def test_more_samples_leave_less_variance():
    variances = [
        gradients(Relaxation.GUMBEL_RAO, n_more=n_more).var(0).sum().item()
        for n_more in (0, 1, 9)
    ]
    straight = gradients(Relaxation.STRAIGHT_THROUGH).var(0).sum().item()
    assert variances[0] == pytest.approx(straight)
    assert variances[2] < variances[1] < 0.95 * straight


def test_many_samples_leave_the_variance_of_the_draw_alone():
    """Of many samples, each draw has the mean of all draws of its category."""
    many, few = 400, 40
    leaf = LOGITS.repeat(3, few, 1).requires_grad_()
    forced = 1e3 * torch.eye(3).double()[:, None].expand(3, few, 3)
    sample = draw(
        leaf,
        forced,
        temperature=0.5,
        relaxation=Relaxation.GUMBEL_RAO,
        more_noise=noise_of(3, many, 3, few, 3),
    )
    objective(sample).sum().backward()
    assert leaf.grad is not None
    own = gradients(Relaxation.STRAIGHT_THROUGH)
    categories = (LOGITS + noise_of(1, N, 3)).argmax(-1)
    for category, found in enumerate(leaf.grad):
        expected = own[categories == category].mean(0)
        torch.testing.assert_close(found.mean(0), expected, rtol=0.05, atol=0.03)
