import pytest
from hypothesis import given, strategies as st

from crystalgen.errors import RequestError
from crystalgen.generation.condition import Condition
from crystalgen.generation.request import Request
from crystalgen.generation.request_json import from_json, to_json

numbers = st.floats(-1e6, 1e6).map(lambda value: float(f"{value:g}"))
limits = st.tuples(numbers, numbers).map(sorted)
conditions = st.builds(
    lambda name, pair: Condition(name=name, low=pair[0], high=pair[1]),
    st.sampled_from(["band_gap", "energy", "density"]),
    limits,
)


@given(condition=conditions)
def test_a_condition_is_read_as_it_is_spelled(condition):
    assert Condition.parse(condition.spelling) == condition


@given(
    wanted=st.lists(conditions, min_size=1, unique_by=lambda each: each.name),
    guidance=st.floats(0, 20),
)
def test_a_request_with_conditions_is_restored_from_json(wanted, guidance):
    request = Request(conditions=tuple(wanted), guidance=guidance)
    assert from_json(to_json(request)) == request


@given(wanted=st.lists(conditions, min_size=2, unique_by=lambda each: each.name))
def test_the_order_of_conditions_makes_no_other_request(wanted):
    assert Request(conditions=tuple(wanted)) == Request(conditions=tuple(wanted[::-1]))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("band_gap", "expected a property and a number or a range"),
        ("band_gap=two", "expected a property and a number or a range"),
        ("band_gap=1:2:3", "expected a property and a number or a range"),
        ("band_gap=3:1", "expected the lower value first, 1:3"),
        ("band_gap=nan", "expected finite numbers"),
        ("band_gap=0:inf", "expected finite numbers"),
    ],
)
def test_what_is_no_condition_is_refused(text, message):
    with pytest.raises(RequestError, match=message):
        Condition.parse(text)


def test_a_property_is_asked_for_once():
    twice = (Condition.parse("gap=1"), Condition.parse("gap=2"))
    with pytest.raises(RequestError, match="gap: asked for 2 times"):
        Request(conditions=twice)


@pytest.mark.parametrize("guidance", [-1.0, 21.0, float("nan"), float("inf")])
def test_guidance_that_means_nothing_is_refused(guidance):
    with pytest.raises(RequestError, match="guidance: got"):
        Request(conditions=(Condition.parse("gap=1"),), guidance=guidance)


def test_guidance_without_a_condition_is_refused():
    with pytest.raises(RequestError, match="without a condition"):
        Request(guidance=4.0)
