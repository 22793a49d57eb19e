import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from scipy import stats

from crystalgen.model.calibration import (
    N_CLASSES,
    Calibration,
    fit_calibration,
    quantile,
)


def predictions(n, seed):
    """Locations, scales and labels: sure ones are right, others far too sure."""
    source = torch.Generator().manual_seed(seed)
    location = torch.randn(n, 2, generator=source)
    scale = torch.rand(n, 2, generator=source) + 0.1
    error = torch.randn(n, 2, generator=source) * torch.where(scale < 0.6, 0.1, 3.0)
    labels = location + scale * (error + 0.3)
    labels[::5, 1] = torch.nan
    return location, scale, labels


def held(share, predicted, calibration):
    location, scale, labels = predicted
    low = quantile(location, scale, (1 - share) / 2, calibration)
    high = quantile(location, scale, (1 + share) / 2, calibration)
    within = ((low <= labels) & (labels <= high)).sum(dim=0)
    return within / (~labels.isnan()).sum(dim=0)


@given(level=st.floats(0.005, 0.995))
def test_without_calibration_the_networks_are_taken_at_their_word(level):
    location, scale = torch.tensor([[0.5]]), torch.tensor([[2.0]])
    found = quantile(location, scale, level, None).item()
    assert found == pytest.approx(stats.laplace.ppf(level, 0.5, 2.0), abs=1e-5)


@settings(max_examples=10)
@given(seed=st.integers(0, 1000), share=st.sampled_from([0.5, 0.8, 0.95]))
def test_intervals_hold_further_labels_as_often_as_they_say(seed, share):
    calibration = Calibration(fit_calibration(*predictions(4000, seed)))
    further = predictions(4000, seed + 1)
    for found in held(share, further, calibration).tolist():
        assert abs(found - share) < 0.04
    # also those alone of which the networks are too sure
    rows = (further[1] > 0.7).all(dim=1)
    unsure = [each[rows] for each in further]
    for found in held(share, unsure, calibration).tolist():
        assert abs(found - share) < 0.08


@given(levels=st.lists(st.floats(0.005, 0.995), min_size=2, max_size=2).map(sorted))
def test_quantiles_grow_with_their_level(levels):
    predicted = predictions(400, 0)
    calibration = Calibration(fit_calibration(*predicted))
    low, high = (quantile(*predicted[:2], each, calibration) for each in levels)
    assert (low <= high + 1e-5).all()


def test_labels_that_are_missing_are_left_out():
    location, scale, labels = predictions(400, 0)
    arrays = fit_calibration(location, scale, labels)
    assert arrays.n.tolist() == [400, 320]
    known = ~labels[:, 1].isnan()
    alone = fit_calibration(*(each[known][:, 1:] for each in (location, scale, labels)))
    np.testing.assert_array_equal(arrays.quantiles[1], alone.quantiles[0])
    assert arrays.edges.shape == (2, N_CLASSES - 1)
