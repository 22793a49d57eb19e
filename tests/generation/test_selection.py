"""Draws choose together: cheap compositions, and what they are made of as it was."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from crystalgen.generation.selection import FEW, LEAST_VARIANCE, choose_together


@st.composite
def choices(draw):
    """Costs, features and what counts, of some draws with some choices each."""
    n_draws, n_choices = draw(st.integers(1, 12)), draw(st.integers(1, 5))
    random = np.random.default_rng(draw(st.integers(0, 10**6)))
    usual = random.random((n_draws, n_choices)) < 0.7
    usual[:, 0] = True
    costs = random.normal(size=(n_draws, n_choices))
    costs[:, 1:][random.random((n_draws, n_choices - 1)) < 0.2] = np.inf
    return costs, random.random((n_draws, n_choices, 4)), usual


def objective(costs, features, usual, chosen, weight, usual_features=None):
    """What is minimised, written out."""
    total, variance = 0.0, np.full(features.shape[2], LEAST_VARIANCE)
    features_taken, target = np.zeros((2, features.shape[2]))
    for row, choice in enumerate(chosen):
        known = features[row][usual[row]]
        total += costs[row, choice]
        features_taken = features_taken + features[row, choice]
        target = target + known.mean(axis=0)
        variance = variance + known.var(axis=0)
    if usual_features is not None:
        n = len(chosen)
        target = (FEW * target + n * n * usual_features) / (n + FEW)
    return total + 0.5 * weight * (((features_taken - target) ** 2) / variance).sum()


def independent(costs):
    """The least cost of each draw alone."""
    return costs.argmin(axis=1)


@given(choices())
def test_without_weight_each_draw_takes_what_costs_least(given_choices):
    costs, features, usual = given_choices
    chosen = choose_together(costs, features, usual, weight=0.0)
    np.testing.assert_array_equal(chosen, independent(costs))


@settings(max_examples=50)
@given(choices(), st.floats(0.1, 30), st.none() | st.floats(0, 1))
def test_choices_made_together_are_no_worse_than_those_made_alone(
    given_choices, weight, usual_share
):
    costs, features, usual = given_choices
    told = None if usual_share is None else np.full(features.shape[2], usual_share)
    chosen = choose_together(costs, features, usual, weight=weight, usual_features=told)
    found = objective(costs, features, usual, chosen, weight, told)
    alone = objective(costs, features, usual, independent(costs), weight, told)
    assert np.isfinite(found)
    assert found <= alone + 1e-9


def test_what_costs_less_does_not_crowd_out_the_rest():
    random = np.random.default_rng(0)
    kind = random.random((200, 8)) < 0.3
    features = np.stack([kind, ~kind], axis=-1).astype(float)
    costs = random.normal(size=kind.shape) + kind
    usual, every = np.ones_like(kind), np.arange(200)
    share = {
        weight: kind[
            every,
            choose_together(costs, features, usual, weight=weight),
        ].mean()
        for weight in (0.0, 10.0)
    }
    assert share[0.0] < 0.15
    assert share[10.0] == pytest.approx(kind.mean(), abs=0.03)


@pytest.mark.parametrize("share", [0.2, 0.5])
def test_many_draws_are_made_of_what_is_usual(share):
    random = np.random.default_rng(1)
    kind = random.random((256, 8)) < 0.3
    features = np.stack([kind, ~kind], axis=-1).astype(float)
    chosen = choose_together(
        random.normal(size=kind.shape),
        features,
        np.ones_like(kind),
        weight=10.0,
        usual_features=np.array([share, 1 - share]),
    )
    expected = (256 * share + FEW * kind.mean()) / (256 + FEW)
    found = kind[np.arange(256), chosen].mean()
    assert found == pytest.approx(expected, abs=0.03)
