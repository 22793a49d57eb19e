"""What is expected of crystals comes from the critic, and can be asked for."""

import math
from copy import deepcopy

import numpy as np
import pytest
import torch

from crystalgen.errors import RequestError
from crystalgen.generation.drawing import ROUNDS, draw_block
from crystalgen.generation.expectation import check_stability, expectation
from crystalgen.generation.generator import Generator
from crystalgen.generation.request import Request
from crystalgen.generation.templates import TemplateSource
from crystalgen.model.critic import targets_of
from crystalgen.representation.table import CrystalTable
from crystalgen.training.critic_lessons import lessons_of

COEFFICIENTS = torch.tensor([0.5, -3.0, -3.0, 0.0, 0.0])


@pytest.fixture(scope="module")
def calibrated(critical):
    copy = deepcopy(critical)
    copy.networks.critic.stability.copy_(COEFFICIENTS)
    return copy


def outcomes(weights, *, choices=2, min_stability=0.0):
    templates = TemplateSource(weights=weights, request=Request())
    return draw_block(
        weights,
        templates.draw(3, np.arange(64)),
        seed=3,
        temperature=1.0,
        rounds=ROUNDS,
        allow_known=True,
        choices=choices,
        min_stability=min_stability,
    )


def made(outcome):
    """The candidate of an outcome, which every draw of these templates has."""
    assert outcome.candidate is not None
    return outcome.candidate


def chance(outcome):
    """How likely its crystal is stable."""
    assert made(outcome).expected is not None
    return made(outcome).expected.stability


@pytest.mark.parametrize("choices", [1, 3])
def test_it_is_what_the_critic_says_of_the_crystal(critical, choices):
    drawn = [made(each) for each in outcomes(critical, choices=choices)]
    names = [str(number) for number in range(len(drawn))]
    table = CrystalTable.from_crystals(
        [each.crystal for each in drawn], identifiers=names
    )
    lessons = lessons_of([table]).lessons
    verdict = critical.networks.critic.judge(lessons.templates, lessons.species)
    told = targets_of(verdict.scores)
    for row, each in enumerate(drawn):
        assert each.expected is not None
        found = each.expected.as_dict()
        assert found.keys() == {*told.keys() - {"density"}, "unrest"}
        for name in found.keys() - {"unrest"}:
            assert found[name] == pytest.approx(told[name][row], abs=1e-3)
        assert 0 <= found["unrest"] <= 0.3


def test_without_a_critic_nothing_is_expected(weights):
    assert all(made(each).expected is None for each in outcomes(weights))


def test_what_is_asked_for_holds_and_templates_stay(calibrated):
    as_they_are = outcomes(calibrated)
    least = float(np.median([chance(each) for each in as_they_are]))
    asked = outcomes(calibrated, min_stability=least)
    valid = [each for each in asked if not each.fault]
    assert len(valid) > len(asked) / 2
    assert all(chance(each) >= least for each in valid)
    for one, other in zip(as_they_are, asked, strict=True):
        assert made(one).crystal.wyckoff == made(other).crystal.wyckoff
    assert sum(each.redrawn["stability"] for each in asked) > 0


def test_what_cannot_be_had_is_a_fault(calibrated):
    drawn = outcomes(calibrated, min_stability=0.999)
    assert {each.fault for each in drawn} >= {"stability"}
    assert all(chance(each) >= 0.999 for each in drawn if not each.fault)


def test_crystals_moved_apart_are_as_far_from_rest_as_can_be(calibrated):
    critic = calibrated.networks.critic
    found = expectation(critic, np.zeros(4, dtype=np.float32), math.inf)
    assert found.unrest == 0.3
    # the logistic function of the constant alone
    assert found.stability == pytest.approx(1 / (1 + math.exp(-0.5)), abs=1e-4)


def test_weights_that_cannot_tell_say_what_to_do(weights, critical, calibrated):
    check_stability(calibrated)
    for each in (weights, critical):
        with pytest.raises(RequestError, match="crystalgen calibrate"):
            Generator(weights=each).sample(Request(min_stability=0.5))
