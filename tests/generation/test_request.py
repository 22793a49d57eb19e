import dataclasses

import pytest
from hypothesis import given, strategies as st

from crystalgen.errors import RequestError
from crystalgen.generation.request import Request


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n": 0}, "n: got 0; expected at least 1 crystal"),
        ({"n": -5}, "n: got -5"),
        ({"space_groups": (225, 0)}, "space group: got 0; expected a number from 1"),
        ({"space_groups": (231,)}, "space group: got 231; .* to 230"),
        ({"max_atoms": 0}, "max atoms: got 0; expected at least 1 atom"),
        ({"temperature": 0.0}, "temperature: got 0.0; expected a number above 0"),
        ({"temperature": -1.0}, "temperature: got -1.0"),
        ({"temperature": 10.5}, "temperature: got 10.5; .* up to 10"),
        ({"temperature": float("nan")}, "temperature: got nan"),
        ({"min_stability": 1.0}, "min stability: got 1.0; expected a probability"),
        ({"min_stability": float("nan")}, "min stability: got nan"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_one_line(settings, message):
    with pytest.raises(RequestError, match=message) as refused:
        Request(**settings)
    assert "\n" not in str(refused.value)


@given(
    n=st.integers(1, 10**6),
    space_groups=st.lists(st.integers(1, 230), max_size=3).map(tuple),
    max_atoms=st.none() | st.integers(1, 100),
    temperature=st.floats(0, 10, exclude_min=True),
)
def test_anything_in_range_may_be_asked_for(n, space_groups, max_atoms, temperature):
    request = Request(
        n=n, space_groups=space_groups, max_atoms=max_atoms, temperature=temperature
    )
    assert dataclasses.replace(request) == request


def test_a_hundred_crystals_of_any_kind_are_the_default():
    request = Request()
    assert request.n == 100
    assert request.space_groups == ()
    assert request.max_atoms is None
    assert request.temperature == 1.0
