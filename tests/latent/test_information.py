import math

import numpy as np
import pytest
from hypothesis import given, strategies as st

from crystalgen.latent.information import (
    entropy,
    information,
    sample_information,
    shuffled_blocks,
)

N = 600


def samples(n=N, n_codes=64, n_labels=30, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(n_codes, size=n), rng.integers(n_labels, size=n), np.arange(n)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1))
def test_information_of_a_sample_is_that_of_scikit_learn(pairs):
    metrics = pytest.importorskip("sklearn.metrics")
    codes, labels = np.array(pairs).T
    expected = metrics.mutual_info_score(codes, labels) / math.log(2)
    assert sample_information(codes, labels) == pytest.approx(expected, abs=1e-9)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1))
def test_information_is_mutual_and_at_most_either_entropy(pairs):
    codes, labels = np.array(pairs).T
    found = sample_information(codes, labels)
    assert found == pytest.approx(sample_information(labels, codes), abs=1e-9)
    most = min(entropy(np.bincount(codes)), entropy(np.bincount(labels)))
    assert -1e-9 <= found <= most + 1e-9


@pytest.mark.parametrize("seed", range(5))
def test_codes_at_random_say_nothing_though_the_sample_seems_to(seed):
    codes, labels, crystals = samples(seed=seed)
    assert sample_information(codes, labels) > 0.9
    found = information(codes, labels, crystals)
    assert abs(found.bits) < 4 * found.error
    assert abs(found.share) < 0.06


def test_the_bias_is_that_of_miller_and_madow_where_samples_are_large():
    codes, labels, crystals = samples(n=20_000, n_codes=8, n_labels=5)
    expected = 7 * 4 / (2 * 20_000 * math.log(2))
    assert information(codes, labels, crystals).bias == pytest.approx(expected, rel=0.3)


def test_a_code_that_is_the_label_says_all_of_it():
    _, labels, crystals = samples()
    found = information(7 - labels, labels, crystals)
    assert found.share == pytest.approx(1)
    assert found.bits == pytest.approx(found.label_entropy - found.bias)


def test_what_is_known_is_found_in_spite_of_the_bias():
    _, labels, crystals = samples(n=4000, n_labels=2)
    noise = np.random.default_rng(1).integers(32, size=4000)
    found = information(2 * noise + labels, labels, crystals)
    assert found.bits == pytest.approx(1, abs=0.03)


def test_labels_common_to_a_crystal_do_not_count_as_many():
    rng = np.random.default_rng(3)
    n_crystals, copies = 300, 6
    crystals = np.repeat(np.arange(n_crystals), copies)
    codes = np.repeat(rng.integers(64, size=n_crystals), copies)
    labels = np.repeat(rng.integers(40, size=n_crystals), copies)
    found = information(codes, labels, crystals)
    assert abs(found.bits) < 4 * found.error


def test_a_label_that_never_changes_has_no_share():
    codes, labels, crystals = samples()
    found = information(codes, 0 * labels, crystals)
    assert found.bits == pytest.approx(0, abs=1e-9)
    assert math.isnan(found.share)


def test_the_seed_decides():
    one, two, other = (information(*samples(), seed=seed) for seed in (0, 0, 1))
    assert one == two
    assert one.bias != other.bias


@given(st.lists(st.integers(1, 5), min_size=1, max_size=20), st.integers(0, 99))
def test_shuffles_keep_each_crystal_together(sizes, seed):
    crystals = np.repeat(np.arange(len(sizes)), sizes)
    order = shuffled_blocks(crystals, np.random.default_rng(seed))
    assert sorted(order.tolist()) == list(range(len(crystals)))
    n_changes = int((np.diff(crystals[order]) != 0).sum())
    assert n_changes == len(sizes) - 1
