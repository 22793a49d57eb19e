import numpy as np
from hypothesis import given, strategies as st
from sklearn.linear_model import LogisticRegression

from crystalgen.model.stability import (
    N_COEFFICIENTS,
    RIDGE,
    fit_stability,
    probability,
    terms,
)

energies = st.floats(-2, 10)
lengths = st.one_of(st.floats(0, 1), st.just(float("inf")))
TRUE = np.array([1.7, -1.0, -2.5, -0.2, -1.5])


def made(seed, n):
    """Crystals of known chances, and which of them are stable."""
    rng = np.random.default_rng(seed)
    above = 0.1 * np.sinh(rng.normal(0.3, 0.8, n))
    unrest = np.exp(rng.normal(-4.5, 1.5, n))
    return above, unrest, rng.random(n) < probability(TRUE, above, unrest)


@given(energies, energies, lengths, lengths)
def test_higher_energies_and_longer_steps_make_it_less_likely(one, other, near, far):
    low, high = sorted((one, other))
    near, far = sorted((near, far))
    good, worse = probability(TRUE, np.array([low, high]), np.array([near, far]))
    assert 0 < worse <= good < 1


def test_without_coefficients_nothing_is_told():
    unknown = np.full(N_COEFFICIENTS, np.nan)
    assert np.isnan(probability(unknown, np.zeros(3), np.ones(3))).all()


def test_the_fit_is_that_of_scikit_learn():
    above, unrest, is_stable = made(0, 500)
    features = terms(above, unrest)[:, 1:]
    peer = LogisticRegression(C=1 / RIDGE, tol=1e-10, max_iter=10000)
    peer.fit(features, is_stable)
    found = fit_stability(above, unrest, is_stable)
    np.testing.assert_allclose(found[1:], peer.coef_[0], atol=1e-3)
    np.testing.assert_allclose(found[:1], peer.intercept_, atol=1e-3)


def test_many_crystals_tell_the_true_chances():
    found = fit_stability(*made(1, 40_000))
    above, unrest, _ = made(2, 1000)
    chances = probability(found, above, unrest)
    np.testing.assert_allclose(chances, probability(TRUE, above, unrest), atol=0.03)


@given(st.integers(0, 2**32 - 1), st.integers(30, 300))
def test_as_many_are_expected_stable_as_are(seed, n):
    above, unrest, is_stable = made(seed, n)
    chances = probability(fit_stability(above, unrest, is_stable), above, unrest)
    np.testing.assert_allclose(chances.mean(), is_stable.mean(), atol=1e-4)
