from math import comb

import pytest

from crystalgen.decoration.assignments import all_assignments, with_formula
from crystalgen.decoration.request import Sharing
from crystalgen.decoration.sites import Sites
from crystalgen.errors import RequestError


def sites(sizes, options, sharing: Sharing = "apart"):
    return Sites(
        role_of_orbit=tuple(range(len(sizes))),
        before=tuple(range(1, len(sizes) + 1)),
        options=(options,) * len(sizes),
        is_open=(True,) * len(sizes),
        sizes=sizes,
        sharing=sharing,
    )


def test_all_are_listed_once():
    listed = all_assignments(sites((1, 1, 2), (3, 11, 19)))
    assert listed is not None
    assert len(listed) == len(set(listed)) == 27


def test_together_no_two_roles_come_to_share_an_element():
    listed = all_assignments(sites((1, 1), (3, 11, 19), "together"))
    assert listed is not None
    assert len(listed) == 6
    assert all(first != second for first, second in listed)


def test_too_many_are_not_listed():
    assert all_assignments(sites((1,) * 20, (3, 11))) is None


def test_too_few_elements_are_an_error():
    with pytest.raises(RequestError, match="too few"):
        all_assignments(sites((1, 1), (3,), "together"))


@pytest.mark.parametrize("n_first", [1, 2, 3])
def test_a_formula_is_reached_in_all_ways(n_first):
    many = sites((1,) * 6, (3, 11, 19))
    found = with_formula(many, f"Li{n_first}Na{6 - n_first}", seed=0)
    assert len(found) == len(set(found)) == comb(6, n_first)
    assert all(each.count(3) == n_first for each in found)


def test_of_too_many_ways_some_are_drawn_by_the_seed():
    many = sites((1,) * 16, (3, 11))
    first, again, other = (with_formula(many, "LiNa", seed=s) for s in (0, 0, 1))
    assert first == again != other
    assert all(each.count(3) == 8 for each in first)
    assert 1000 < len(first) <= 2000


@pytest.mark.parametrize(
    ("formula", "said"), [("Li2Na3", "evenly"), ("LiK", "cannot be reached")]
)
def test_a_formula_out_of_reach_is_refused(formula, said):
    with pytest.raises(RequestError, match=said):
        with_formula(sites((1, 1), (3, 11)), formula, seed=0)
