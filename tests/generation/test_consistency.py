import dataclasses
import json

import pytest
from hypothesis import given, reject, strategies as st

from crystalgen.config import build
from crystalgen.errors import RequestError
from crystalgen.generation.request import Request
from crystalgen.representation.elements import SYMBOLS


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"require": ("Fz",)}, "require: there is no element 'Fz'; did you mean F"),
        ({"formula": "LiFeQO4"}, "formula: there is no element 'Q'"),
        ({"formula": "lifepo4"}, "formula: "),
        ({"formula": "Li0.5CoO2"}, "formula: got 'Li0.5CoO2'; expected whole numbers"),
        ({"formula": "!"}, "formula: cannot read '!'"),
        ({"z": 4}, "z: it counts formula units; add the formula"),
        ({"z": 0, "formula": "NaCl"}, "z: got 0; expected at least 1"),
        ({"anonymous_formula": "aB"}, "anonymous formula: got 'aB'"),
        ({"anonymous_formula": "AA"}, "anonymous formula: got 'AA'"),
        (
            {"anonymous_formula": "AB", "formula": "TiO2"},
            "anonymous formula: TiO2 is AB2, not AB",
        ),
        (
            {"formula": "LiFePO4", "chemical_system": ("Li", "Fe", "O")},
            "chemical system: P is not among Li, Fe, O, but the formula has it",
        ),
        (
            {"require": ("Li",), "exclude": ("Li",)},
            "exclude: Li is excluded, but it is required",
        ),
        (
            {"require": ("Li",), "elements": ("Na", "Cl")},
            "elements: Li is not among Na, Cl, but it is required",
        ),
        ({"elements": ("Na",), "exclude": ("Na",)}, "exclude: every one"),
        ({"n_elements": (3, 2)}, "n elements: got 3 to 2"),
        (
            {"n_elements": (2, 2), "formula": "SrTiO3"},
            "n elements: the formula has 3, not 2",
        ),
        (
            {"n_elements": (1, 1), "require": ("Na", "Cl")},
            "n elements: 2 are required, more than 1",
        ),
        ({"n_elements": (3, 3), "elements": ("Na", "Cl")}, "n elements: only 2"),
        (
            {"n_elements": (2, 2), "anonymous_formula": "ABC3"},
            "n elements: ABC3 has 3, not 2",
        ),
        (
            {"chemical_system": ("Na", "Cl"), "anonymous_formula": "ABC3"},
            "anonymous formula: ABC3 has 3 elements, the chemical system 2",
        ),
        ({"min_atoms": 5, "max_atoms": 4}, "min atoms: got 5, more than the 4"),
        ({"max_atoms": 2, "n_elements": (3, 4)}, "2 atoms cannot be 3 elements"),
        (
            {"space_groups": (225,), "crystal_systems": ("trigonal",)},
            "crystal system: group 225 is cubic, not trigonal",
        ),
        ({"crystal_systems": ("cubik",)}, "crystal system: .* did you mean cubic"),
    ],
)
def test_wishes_that_exclude_each_other_are_named_in_one_line(settings, message):
    with pytest.raises(RequestError, match=message) as refused:
        Request(**settings)
    assert "\n" not in str(refused.value)


symbols = st.lists(st.sampled_from(SYMBOLS[:60]), max_size=3).map(tuple)


@given(
    require=symbols,
    exclude=symbols,
    n_elements=st.none() | st.sampled_from([(3, 3), (3, 6), (4, 8)]),
    anonymous_formula=st.sampled_from(["", "ABC3", "A2B2C4"]),
    formula=st.sampled_from(["", "LiFePO4", "Ca(OH)2", "SrTiO3"]),
    crystal_systems=st.lists(st.sampled_from(["cubic", "trigonal"])).map(tuple),
    charge_neutral=st.booleans(),
)
def test_a_request_survives_json(**settings):
    try:
        request = Request(**settings)
    except RequestError:
        reject()
    text = json.dumps(dataclasses.asdict(request))
    assert build(Request, json.loads(text), where="request") == request


def test_equal_wishes_are_equal_requests():
    one = Request(require=("li", "LI"), anonymous_formula="C6AB2")
    assert one == Request(require=("Li",), anonymous_formula="AB2C6")
    assert hash(one) == hash(Request(require=("Li",), anonymous_formula="AB2C6"))
