"""Gradients of expectations over 4 categories, by enumeration of all draws."""

import pytest
import torch
from hypothesis import given, strategies as st

from crystalgen.estimators.gumbel_softmax import Relaxation, draw

N = 4


def numbers(seed, *shape):
    source = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=source, dtype=torch.float64)


def quadratic(seed):
    matrix, vector = numbers(seed, N, N), numbers(seed + 1, N)
    return lambda y: ((y @ matrix) ** 2).sum(-1) + y @ vector


def nearly_quadratic(seed):
    matrix, most = numbers(seed + 2, N, N), quadratic(seed)
    return lambda y: most(y) + 0.1 * ((y @ matrix) ** 3).sum(-1)


def exact_gradient(objective, logits):
    leaf = logits.clone().requires_grad_()
    (leaf.softmax(-1) * objective(torch.eye(N, dtype=torch.float64))).sum().backward()
    assert leaf.grad is not None
    return leaf.grad


def expected_gradient(objective, logits, relaxation, *, temperature=1.0):
    """Mean of an estimate that the noise enters by the draw alone."""
    leaf = logits.repeat(N, 1).requires_grad_()
    forced = 1e3 * torch.eye(N, dtype=torch.float64)  # row k draws category k
    sample = draw(leaf, forced, temperature=temperature, relaxation=relaxation)
    assert torch.equal(sample.detach(), torch.eye(N, dtype=torch.float64))
    objective(sample).sum().backward()
    assert leaf.grad is not None
    return logits.softmax(-1) @ leaf.grad


@given(st.integers(0, 10**6))
def test_it_is_unbiased_where_the_function_is_quadratic(seed):
    objective, logits = quadratic(seed), numbers(seed + 7, N)
    found = expected_gradient(objective, logits, Relaxation.REINMAX)
    torch.testing.assert_close(found, exact_gradient(objective, logits))


def straight_through_expected(objective, logits):
    """The mean of first-order gradients: J(p) times the mean gradient of the draws."""
    leaf = torch.eye(N, dtype=torch.float64, requires_grad=True)
    objective(leaf).sum().backward()
    assert leaf.grad is not None
    p = logits.softmax(-1)
    return (torch.diag(p) - torch.outer(p, p)) @ (p @ leaf.grad)


def test_its_bias_is_small_where_the_function_is_nearly_quadratic():
    ours, first_order = [], []
    for seed in range(50):
        objective, logits = nearly_quadratic(seed), numbers(seed + 7, N)
        exact = exact_gradient(objective, logits)
        found = expected_gradient(objective, logits, Relaxation.REINMAX)
        ours.append((found - exact).norm())
        first = straight_through_expected(objective, logits)
        first_order.append((first - exact).norm())
    assert sum(ours) < 0.5 * sum(first_order)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_a_linear_function_has_its_gradient_whatever_the_noise(temperature):
    logits, weights = numbers(0, 1, N), numbers(1, N)

    def gradient(noise):
        leaf = logits.clone().requires_grad_()
        sample = draw(
            leaf, noise, temperature=temperature, relaxation=Relaxation.REINMAX
        )
        (sample @ weights).sum().backward()
        assert leaf.grad is not None
        return leaf.grad

    low, high = torch.zeros(1, N, dtype=torch.float64), torch.ones(1, N).double()
    torch.testing.assert_close(gradient(low), gradient(high))
    torch.testing.assert_close(gradient(low).sum(), torch.zeros(()).double())
