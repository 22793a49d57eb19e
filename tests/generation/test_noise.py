import math
from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from scipy import stats

from crystalgen.generation.noise import Purpose, row_noise, spread_uniform, stream

seeds = st.integers(0, 2**63)
draws = st.lists(st.integers(0, 2**40), min_size=1, max_size=4)


def noise(seed, numbers, shape, attempt=0, purpose=Purpose.SPECIES):
    return row_noise(seed, np.array(numbers), shape, attempt=attempt, purpose=purpose)


@settings(max_examples=30)
@given(seed=seeds, numbers=draws, smaller=st.integers(1, 4), more=st.integers(0, 4))
def test_a_longer_first_axis_begins_like_a_shorter_one(seed, numbers, smaller, more):
    short = noise(seed, numbers, (smaller, 3, 2))
    long = noise(seed, numbers, (smaller + more, 3, 2))
    assert torch.equal(long[:, :smaller], short)


@settings(max_examples=30)
@given(seed=seeds, numbers=draws)
def test_a_row_does_not_know_the_other_rows(seed, numbers):
    together = noise(seed, numbers, (2, 3))
    for row, number in enumerate(numbers):
        assert torch.equal(noise(seed, [number], (2, 3))[0], together[row])


def test_streams_of_different_names_differ():
    names = product(range(3), range(3), range(3), Purpose)
    seen = {
        stream(seed, draw, attempt=attempt, purpose=purpose).bytes(16)
        for seed, draw, attempt, purpose in names
    }
    assert len(seen) == 3 * 3 * 3 * len(Purpose)


def test_one_stream_is_long_enough_not_to_run_into_the_next():
    states = [
        stream(0, 0, attempt=0, purpose=purpose).bit_generator.state["state"]
        for purpose in Purpose
    ]
    # the low two words of the counter are the stream's own 2^128 blocks
    counters = [state["counter"].tolist() for state in states]
    assert all(counter[:2] == [0, 0] for counter in counters)
    assert len({tuple(counter[2:]) for counter in counters}) == len(Purpose)


def test_the_noise_is_that_of_gumbel():
    values = noise(7, range(50), (200,)).flatten().numpy()
    assert stats.kstest(values, stats.gumbel_r.cdf).pvalue > 0.01


def test_rows_are_not_correlated():
    values = noise(7, range(400), (50,)).numpy()
    correlation = np.corrcoef(values)[np.triu_indices(400, 1)]
    assert abs(correlation.mean()) < 0.005
    assert math.isclose(correlation.std(), 1 / math.sqrt(50), rel_tol=0.1)


def test_noise_is_finite_and_repeats():
    values = noise(3, [0, 1], (1000, 10))
    assert values.isfinite().all()
    assert torch.equal(values, noise(3, [0, 1], (1000, 10)))


def test_a_negative_draw_is_refused():
    with pytest.raises((OverflowError, ValueError)):
        stream(0, -1, attempt=0, purpose=Purpose.TEMPLATE)


@settings(max_examples=30)
@given(seed=st.integers(0, 2**63), first=st.integers(0, 10**9), n=st.integers(3, 3000))
def test_spread_numbers_leave_gaps_of_three_lengths_at_most(seed, first, n):
    points = [spread_uniform(seed, draw) for draw in range(first, first + n)]
    gaps = np.sort(np.diff(np.sort(points), append=min(points) + 1))
    # Steinhaus' theorem, and the longest of three is the sum of the others
    lengths = gaps[np.flatnonzero(np.diff(gaps, prepend=0) > 1e-9)]
    assert len(lengths) in (2, 3)
    if len(lengths) == 3:
        assert math.isclose(lengths[2], lengths[0] + lengths[1], rel_tol=1e-9)
    # the golden ratio keeps them alike, as no other number does
    assert gaps[-1] / gaps[0] < 2.62


def test_a_spread_number_alone_is_uniform_over_seeds():
    points = [spread_uniform(seed, 7) for seed in range(500)]
    assert stats.kstest(points, stats.uniform.cdf).pvalue > 0.01
