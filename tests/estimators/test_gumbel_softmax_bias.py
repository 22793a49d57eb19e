"""The expectation of a function of 3 categories has a gradient by enumeration."""

import math

import pytest
import torch

from crystalgen.estimators.gumbel_softmax import Relaxation, draw, gumbel_noise

N_DRAWS = 400_000


def random_objective(seed):
    source = torch.Generator().manual_seed(seed)
    matrix = torch.randn(3, 3, generator=source, dtype=torch.float64)
    vector = torch.randn(3, generator=source, dtype=torch.float64)
    return lambda y: ((y @ matrix) ** 2).sum(-1) + y @ vector


def exact_gradient(objective, logits):
    leaf = logits.clone().requires_grad_()
    values = objective(torch.eye(3, dtype=torch.float64))
    (leaf.softmax(-1) * values).sum().backward()
    assert leaf.grad is not None
    return leaf.grad


def estimated_gradient(objective, logits, noise, temperature):
    """Mean of the estimated gradients, and the standard error of that mean."""
    leaf = logits.repeat(N_DRAWS, 1).requires_grad_()
    sample = draw(leaf, noise, temperature=temperature, relaxation=Relaxation.SOFT)
    objective(sample).sum().backward()
    assert leaf.grad is not None
    return leaf.grad.mean(0), leaf.grad.std(0) / math.sqrt(N_DRAWS)


@pytest.mark.parametrize("seed", range(4))
def test_its_bias_shrinks_with_the_temperature(seed):
    objective = random_objective(seed)
    logits = torch.randn(
        3, generator=torch.Generator().manual_seed(seed + 100), dtype=torch.float64
    )
    noise = gumbel_noise(
        (N_DRAWS, 3),
        generator=torch.Generator().manual_seed(seed + 200),
        dtype=torch.float64,
    )
    exact = exact_gradient(objective, logits)

    biases = {}
    for temperature in (1.0, 0.3, 0.05):
        mean, error = estimated_gradient(objective, logits, noise, temperature)
        biases[temperature] = (mean - exact).norm().item()
        noise_floor = 4 * error.norm().item()

    assert biases[0.3] < biases[1.0]
    assert biases[0.05] < max(0.2 * biases[1.0], noise_floor)
    assert biases[0.05] < 0.05 * exact.norm().item() + noise_floor
