import numpy as np
import pytest
from hypothesis import given, strategies as st

from crystalgen.errors import RequestError
from crystalgen.generation.condition import Condition
from crystalgen.generation.request import Request
from crystalgen.generation.targets import N_POINTS, targets_of


def targets(weights, *texts, guidance=2.0):
    conditions = tuple(map(Condition.parse, texts))
    return targets_of(weights, Request(conditions=conditions, guidance=guidance))


def asked(weights, *texts, guidance=2.0):
    """Targets of a request that has some."""
    found = targets(weights, *texts, guidance=guidance)
    assert found is not None
    return found


@given(low=st.floats(0, 2), width=st.floats(0.1, 2), draw=st.integers(0, 10**6))
def test_every_draw_is_asked_a_value_within_the_range(told_weights, low, width, draw):
    found = asked(told_weights, f"gap={low:.6f}:{low + width:.6f}", "energy=-1")
    wanted = found.of_draw(draw)
    assert low - 1e-6 < wanted["gap"] < low + width + 1e-6
    assert wanted["energy"] == -1


def test_ranges_are_covered_evenly(told_weights):
    found = asked(told_weights, "gap=1:3", "energy=-4:-1")
    drawn = [found.of_draw(draw) for draw in range(N_POINTS)]
    for name, low, high in (("gap", 1, 3), ("energy", -4, -1)):
        values = np.array([each[name] for each in drawn])
        assert len(set(values)) == N_POINTS
        assert abs(values.mean() - (low + high) / 2) < 0.15 * (high - low)
    assert drawn == [found.of_draw(draw + N_POINTS) for draw in range(N_POINTS)]


def test_a_range_ends_where_the_training_crystals_end(told_weights):
    values = asked(told_weights, "gap=4:100").values
    assert (values[:, 0] < 5).all()
    assert (values[:, 0] > 4).all()


def test_networks_are_told_standardised_values_and_nan_for_the_rest(told_weights):
    found = asked(told_weights, "energy=-2")
    told = found.guidance(np.arange(3)).conditions
    assert told.shape == (3, 2)
    assert told[:, 0].isnan().all()
    scales = told_weights.networks.statistics.properties
    value = told[:, 1] * scales.scale[1] + scales.centre[1]
    np.testing.assert_allclose(value.numpy(), -2, atol=1e-5)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("gup=1", "know no such property; did you mean gap"),
        ("density=1", "they know gap, energy"),
        ("gap=99", "expected values from 0.0"),
        ("gap=-9:-1", "as training crystals have"),
    ],
)
@pytest.mark.parametrize("guidance", [0.0, 2.0])
def test_what_the_networks_do_not_know_is_refused(
    told_weights, text, message, guidance
):
    with pytest.raises(RequestError, match=message):
        asked(told_weights, text, guidance=guidance)


def test_weights_without_properties_say_so(weights):
    with pytest.raises(
        RequestError, match=r"gap: .* without properties; .*--checkpoint"
    ):
        asked(weights, "gap=1")


def test_nothing_asked_is_no_target(told_weights):
    assert targets_of(told_weights, Request()) is None
    assert targets(told_weights, "gap=1", guidance=0.0) is None
