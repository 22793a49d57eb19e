import math

import numpy as np
import torch
from hypothesis import given, settings, strategies as st
from scipy import stats

from crystalgen.model.likelihoods import (
    LOG_CONCENTRATION_RANGE,
    laplace_log_likelihood,
    mixture_log_likelihood,
    mixture_mode,
    squash,
    von_mises_log_density,
)

log_concentrations = st.floats(*LOG_CONCENTRATION_RANGE)
fractions = st.floats(0, 1, exclude_max=True)


def double(*values):
    return torch.tensor(values, dtype=torch.float64)


@st.composite
def mixtures(draw):
    """Locations, log-concentrations and log-weights of three coordinates."""
    shape = (3, draw(st.integers(1, 4)))
    source = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    locations = torch.from_numpy(source.uniform(-2, 2, shape))
    concentrations = torch.from_numpy(source.uniform(*LOG_CONCENTRATION_RANGE, shape))
    weights = torch.from_numpy(source.normal(size=shape)).log_softmax(dim=-1)
    return locations, concentrations, weights


@given(offset=st.floats(-3, 3), log_concentration=log_concentrations)
def test_von_mises_density_is_that_of_scipy(offset, log_concentration):
    ours = von_mises_log_density(double(offset), double(log_concentration)).item()
    kappa = math.exp(log_concentration)
    angle = 2 * math.pi * (offset - round(offset))
    theirs = stats.vonmises.logpdf(angle, kappa) + math.log(2 * math.pi)
    assert math.isclose(ours, theirs, rel_tol=1e-6, abs_tol=1e-6)


@settings(max_examples=30)
@given(mixture=mixtures())
def test_a_mixture_integrates_to_one_over_the_cell(mixture):
    n = 4_000  # the rectangle rule is exact for what is smooth and periodic
    coords = (torch.arange(n, dtype=torch.float64) / n)[:, None].expand(-1, 3)
    each = mixture_log_likelihood(coords, *(part.expand(n, -1, -1) for part in mixture))
    torch.testing.assert_close(each.exp().mean(dim=0), torch.ones(3).double())


@given(mixture=mixtures(), turns=st.integers(-3, 3), seed=st.integers(0, 99))
def test_whole_turns_change_no_density(mixture, turns, seed):
    source = torch.Generator().manual_seed(seed)
    coords = torch.rand(3, generator=source, dtype=torch.float64)
    locations, concentrations, weights = mixture
    expected = mixture_log_likelihood(coords, *mixture)
    for moved in (
        mixture_log_likelihood(coords + turns, *mixture),
        mixture_log_likelihood(coords, locations + turns, concentrations, weights),
    ):
        torch.testing.assert_close(moved, expected, atol=1e-6, rtol=1e-6)


@given(location=st.floats(-5, 5, width=32))
def test_the_mode_of_one_component_is_its_location_inside_the_cell(location):
    one = torch.full((3, 1), location)
    mode = mixture_mode(one, torch.zeros(3, 1), torch.zeros(3, 1))
    assert ((mode >= 0) & (mode < 1)).all()
    distance = mode.double() - location
    assert (distance - distance.round()).abs().max() < 1e-6


def test_a_location_just_below_zero_does_not_round_up_to_one():
    one = torch.full((3, 1), -1e-9)
    assert mixture_mode(one, torch.zeros(3, 1), torch.zeros(3, 1)).tolist() == [0.0] * 3


def test_the_mode_is_where_the_density_is_highest():
    locations = torch.tensor([[0.1, 0.5, 0.9]]).double().expand(3, -1)
    log_concentrations = torch.tensor([[3.0, 6.0, 5.0]]).double().expand(3, -1)
    weights = torch.tensor(
        [[0.30, 0.40, 0.30], [0.90, 0.05, 0.05], [0.10, 0.10, 0.80]]
    ).double()
    parts = (locations, log_concentrations, weights.log())
    coords = (torch.arange(1000).double() / 1000)[:, None].expand(-1, 3)
    each = mixture_log_likelihood(
        coords, *(part.expand(1000, -1, -1) for part in parts)
    )
    best = coords[each.argmax(dim=0), torch.arange(3)]
    torch.testing.assert_close(mixture_mode(*parts), best)


@given(
    sigmas=st.floats(-600, 600), location=st.floats(-5, 5), scale=st.floats(0.001, 2)
)
def test_laplace_density_is_that_of_scipy(sigmas, location, scale):
    value = location + sigmas * scale
    ours = laplace_log_likelihood(double(value), double(location), double(scale)).item()
    theirs = stats.laplace.logpdf(value, location, scale)
    assert math.isclose(ours, theirs, rel_tol=1e-9, abs_tol=1e-9)


@given(raw=st.floats(-1e6, 1e6), low=st.floats(-9, 0), width=st.floats(0.1, 9))
def test_squashing_keeps_within_bounds(raw, low, width):
    squashed = squash(double(raw), low, low + width).item()
    assert low <= squashed <= low + width


def test_squashing_is_monotonous_and_takes_zero_to_the_middle():
    squashed = squash(torch.linspace(-5, 5, 11).double(), -4.0, 10.0)
    assert (squashed.diff() > 0).all()
    assert squashed[5] == 3.0
