import pytest

from crystalgen.errors import RequestError
from crystalgen.generation.checks import fault_of
from crystalgen.latent import traverse
from crystalgen.latent.decoding import is_balanced
from crystalgen.latent.slots import value
from crystalgen.latent.steps import REPEAT, are_same

CASES = [(0, "species1.1"), (0, "cell.1"), (3, "species2.2"), (8, "orbit2.1")]


@pytest.fixture(scope="module", params=CASES, ids=str)
def case(request, weights, crystals, readings):
    place, code = request.param
    walk = traverse(weights, crystals[place], code, n=6)
    return crystals[place], readings[place], code, walk


def test_each_crystal_of_the_row_is_valid(case, weights):
    crystal, _, _, walk = case
    assert is_balanced(crystal)
    for each in walk.crystals:
        assert fault_of(each, weights) == ""
        assert is_balanced(each)
        assert (each.space_group, each.wyckoff) == (
            crystal.space_group,
            crystal.wyckoff,
        )


def test_the_first_is_the_reconstruction_and_the_others_differ_in_one_code(case):
    _, reading, code, walk = case
    first, *others = walk.steps
    assert (first.codes, first.change, first.distance) == (reading.codes, "", 0)
    for step in (*others, *walk.left_out):
        differing = [
            slot.name
            for slot in reading.slots
            if value(step.codes, slot) != value(reading.codes, slot)
        ]
        assert differing == [code]
        assert step.change.startswith(f"{code} ")


def test_the_likeliest_come_first_and_none_twice(case):
    _, _, _, walk = case
    likely = [step.log_likelihood for step in walk.steps[1:]]
    assert likely == sorted(likely, reverse=True)
    for place, one in enumerate(walk.crystals):
        assert not any(are_same(one, other) for other in walk.crystals[:place])


def test_what_is_left_out_has_a_reason_and_is_counted(case):
    _, _, _, walk = case
    reasons = {"cell", "distance", "group", "charge", "no crystal", REPEAT}
    assert set(walk.faults) <= reasons
    assert walk.faults.total() == len(walk.left_out)


def test_a_code_named_by_its_number_is_the_same_code(weights, crystals):
    by_name = traverse(weights, crystals[0], "species1.1", n=3)
    by_number = traverse(weights, crystals[0], "1", n=3)
    assert [step.change for step in by_name.steps] == [
        step.change for step in by_number.steps
    ]


def test_a_row_that_comes_out_short_says_so(weights, crystals):
    walk = traverse(weights, crystals[0], "species1.1", n=64)
    assert len(walk.steps) < 64
    assert len(walk.steps) + len(walk.left_out) == 64
    assert any("of 64" in remark for remark in walk.remarks)


def test_no_crystals_are_refused(weights, crystals):
    with pytest.raises(RequestError, match="n: got 0"):
        traverse(weights, crystals[0], "1", n=0)


def test_a_crystal_without_valid_values_is_refused(weights, crystals, monkeypatch):
    from crystalgen.latent import decoding

    monkeypatch.setattr(decoding, "fault_of", lambda *_: "group")
    with pytest.raises(RequestError, match=r"no value of cell\.1 .*64 group"):
        traverse(weights, crystals[3], "cell.1")
