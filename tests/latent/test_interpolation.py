from itertools import pairwise

import numpy as np
import pytest

from crystalgen.errors import RequestError
from crystalgen.generation.checks import fault_of
from crystalgen.generation.encoding import decode
from crystalgen.latent import decoding, interpolate
from crystalgen.latent.decoding import is_balanced
from crystalgen.latent.path import ends_of
from crystalgen.latent.slots import value
from crystalgen.latent.steps import are_same

CASES = [(0, 2), (3, 4), (0, 8), (8, 3), (5, 6)]
"""Two salts, two perovskites, salt and rutile, rutile and perovskite, two elements."""


@pytest.fixture(scope="module", params=CASES, ids=str)
def case(request, weights, crystals, readings):
    start, end = request.param
    walk = interpolate(weights, crystals[start], crystals[end], steps=9)
    return readings[start], readings[end], walk


def test_each_crystal_of_the_row_is_valid(case, weights):
    _, _, walk = case
    for crystal in walk.crystals:
        assert fault_of(crystal, weights) == ""
        assert is_balanced(crystal)


def test_the_ends_have_the_codes_of_the_given_crystals(case, weights):
    start, end, walk = case
    assert walk.steps[0].codes == start.codes
    assert walk.steps[-1].codes == end.codes
    for reading, reached in ((start, walk.crystals[0]), (end, walk.crystals[-1])):
        (again,) = decode(weights, [reading.crystal], [reading.codes])
        assert reached.species == again.species
        assert reached.wyckoff == reading.crystal.wyckoff
        # more only where atoms had to be moved apart
        np.testing.assert_allclose(
            reached.lattice_parameters, again.lattice_parameters, rtol=0.13
        )


def test_codes_come_nearer_to_the_end_with_every_step(case):
    _, _, walk = case
    distances = [step.distance for step in walk.steps]
    assert all(np.diff(distances) < 0)
    assert distances[-1] == 0


def test_the_distance_counts_the_codes_that_differ_from_the_end(case):
    start, end, walk = case
    ends = ends_of(start, end)
    for step in walk.steps:
        crystal = step.crystal
        assert crystal is not None
        is_there = crystal.wyckoff == end.crystal.wyckoff
        differing = sum(
            value(step.codes, flip.end if is_there else flip.start) != flip.new
            for flip in ends.flips
        )
        assert step.distance == differing + (not is_there)


def test_every_code_has_the_value_of_one_of_the_ends(case):
    start, end, walk = case
    allowed = [
        {*each.roles, each.crystal, *each.orbits} for each in (start.codes, end.codes)
    ]
    values = {number for rows in allowed for row in rows for number in row}
    for step in walk.steps:
        rows = (*step.codes.roles, step.codes.crystal, *step.codes.orbits)
        assert {number for row in rows for number in row} <= values


def test_no_crystal_comes_twice_and_what_is_left_out_has_a_reason(case):
    _, _, walk = case
    for place, one in enumerate(walk.crystals):
        assert not any(are_same(one, other) for other in walk.crystals[:place])
    assert all(step.fault for step in walk.left_out)


def test_the_template_changes_once(case):
    start, end, walk = case
    wyckoff = [crystal.wyckoff for crystal in walk.crystals]
    n_changes = sum(one != two for one, two in pairwise(wyckoff))
    assert n_changes == (start.crystal.wyckoff != end.crystal.wyckoff)
    changes = ", ".join(step.change for step in walk.steps)
    assert changes.count("template") == n_changes


def test_the_walk_is_the_same_every_time(weights, crystals):
    one, two = (interpolate(weights, crystals[0], crystals[8]) for _ in range(2))
    assert [step.codes for step in one.steps] == [step.codes for step in two.steps]


def test_fewer_steps_are_some_of_the_many(weights, crystals):
    many = interpolate(weights, crystals[3], crystals[4], steps=99)
    few = interpolate(weights, crystals[3], crystals[4], steps=3)
    assert len(few.steps) == 3
    assert {step.codes for step in few.steps} <= {step.codes for step in many.steps}
    assert any("of 99" in remark for remark in many.remarks)


def test_changes_tell_all_codes_that_changed_since_the_step_before(weights, crystals):
    walk = interpolate(weights, crystals[0], crystals[2], steps=2)
    start, end = walk.steps
    assert start.change == ""
    assert end.change.count("->") == start.distance


def test_a_crystal_and_itself_are_refused(weights, crystals):
    with pytest.raises(RequestError, match="the same crystal"):
        interpolate(weights, crystals[0], crystals[0])


def test_one_step_is_refused(weights, crystals):
    with pytest.raises(RequestError, match="steps: got 1"):
        interpolate(weights, crystals[0], crystals[2], steps=1)


def test_an_end_that_fails_a_check_is_refused_by_name(weights, crystals, monkeypatch):
    monkeypatch.setattr(
        decoding, "fault_of", lambda crystal, _: "group" * (12 in crystal.species)
    )
    with pytest.raises(RequestError, match=r"MgO: .* fails a check \(group\)"):
        interpolate(weights, crystals[0], crystals[2])


def test_steps_that_fail_a_check_are_left_out_and_the_walk_goes_on(
    weights, crystals, monkeypatch
):
    salts = {(11, 17), (12, 8)}
    monkeypatch.setattr(
        decoding,
        "fault_of",
        lambda crystal, _: "group" * (crystal.species not in salts),
    )
    walk = interpolate(weights, crystals[0], crystals[2], steps=9)
    assert {crystal.species for crystal in walk.crystals} == salts
    distances = [step.distance for step in walk.steps]
    assert distances[-1] == 0
    assert all(np.diff(distances) < 0)
