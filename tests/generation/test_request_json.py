import json

import pytest
from hypothesis import given, strategies as st

from crystalgen.errors import RequestError
from crystalgen.generation.request import Request
from crystalgen.generation.request_json import (
    from_fields,
    from_json,
    to_fields,
    to_json,
)

SYMBOLS = ("Li", "Fe", "P", "O")
wishes = st.fixed_dictionaries(
    {},
    optional={
        "n": st.integers(1, 1000),
        "space_groups": st.lists(st.integers(1, 230), max_size=3).map(tuple),
        "elements": st.just(SYMBOLS),
        "require": st.lists(st.sampled_from(SYMBOLS), unique=True).map(tuple),
        "exclude": st.just(("Pb",)),
        "anonymous_formula": st.just("ABC2D4"),
        "max_atoms": st.none() | st.integers(8, 20),
        "charge_neutral": st.booleans(),
        "temperature": st.floats(0.1, 10),
        "min_stability": st.floats(0, 0.99),
        "allow_known": st.booleans(),
    },
)


@given(wishes=wishes)
def test_a_request_is_restored_from_json(wishes):
    request = Request(**wishes)
    assert from_json(to_json(request)) == request


def test_ranges_and_formulas_are_restored():
    request = Request(
        n_elements=(2, 3), formula="NaCl", z=4, crystal_systems=("cubic",)
    )
    assert from_json(to_json(request)) == request


def test_what_is_not_asked_is_not_written():
    assert list(to_fields(Request())) == [
        *("n", "space_groups", "max_atoms"),
        *("temperature", "allow_known", "vary_geometry"),
    ]
    assert from_fields({}) == Request()


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"formla": "NaCl"}, "wish: unknown setting 'formla'; did you mean 'formula'?"),
        ({"n": "5"}, "wish: n must be an integer, got '5' (str)"),
        ({"n": 0}, "n: got 0; expected at least 1 crystal"),
        ({"require": ["Xx"]}, "require: there is no element 'Xx'"),
        ([], "wish: expected a table, got [] (list)"),
    ],
)
def test_a_wrong_request_is_refused_when_it_is_read(entry, message):
    with pytest.raises(RequestError) as error:
        from_json(json.dumps(entry), where="wish")
    assert str(error.value).startswith(message)


def test_text_that_is_no_json_is_refused():
    with pytest.raises(RequestError, match="request: expected JSON"):
        from_json("{")
