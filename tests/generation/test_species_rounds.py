"""Of several compositions, the one that the critic thinks most stable is taken."""

from copy import deepcopy

import numpy as np
import pytest
import torch

from crystalgen.generation.drawing import ROUNDS, draw_block
from crystalgen.generation.request import Request
from crystalgen.generation.templates import TemplateSource
from crystalgen.model.composition_features import element_families, n_features
from crystalgen.representation.neutrality import are_metals
from crystalgen.representation.table import CrystalTable
from crystalgen.training.critic_lessons import lessons_of

EVERYTHING = Request()


def outcomes(weights, *, rounds=ROUNDS, request=EVERYTHING):
    """Crystals of some draws, and whether they passed all checks."""
    source = TemplateSource(weights=weights, request=request)
    drawn = draw_block(
        weights,
        source.draw(3, np.arange(96)),
        seed=3,
        temperature=1.0,
        rounds=rounds,
        allow_known=True,
        constraints=source.constraints,
        is_group_asked=request.asks_for_symmetry,
        choices=4,
    )
    assert all(each.candidate for each in drawn)
    return [
        (each.candidate.crystal, not each.fault) for each in drawn if each.candidate
    ]


def costs(critic, drawn):
    """What a critic thinks of the crystals drawn."""
    crystals = [crystal for crystal, _ in drawn]
    names = [str(number) for number in range(len(crystals))]
    table = CrystalTable.from_crystals(crystals, identifiers=names)
    lessons = lessons_of([table]).lessons
    return critic.judge(lessons.templates, lessons.species).cost


def test_what_is_drawn_costs_less_than_without_a_critic(weights, critical):
    critic = critical.networks.critic
    with_critic = costs(critic, outcomes(critical))
    without = costs(critic, outcomes(weights))
    assert with_critic.mean() < without.mean() - 0.2 * without.std()


def test_templates_and_metals_stay_as_they_are_drawn(weights, critical):
    pairs = list(zip(outcomes(weights), outcomes(critical), strict=True))
    assert all(one.label == other.label for (one, _), (other, _) in pairs)
    kinds = [
        [are_metals(tuple(set(each.species))) for each in (one, other)]
        for (one, is_valid), (other, is_valid_too) in pairs
        if is_valid and is_valid_too
    ]
    assert len(kinds) > 30
    assert np.mean([one == other for one, other in kinds]) > 0.9


def test_a_single_raw_draw_asks_no_critic(weights, critical):
    raw = [outcomes(each, rounds=1) for each in (weights, critical)]
    for (one, _), (other, _) in zip(*raw, strict=True):
        assert one.species == other.species


def oxygen_in(drawn):
    """Share of crystals with oxygen."""
    return np.mean([8 in crystal.species for crystal, _ in drawn])


@pytest.fixture(scope="module")
def told_oxides(critical):
    """The same, told that half of all that is usual is oxygen."""
    copy = deepcopy(critical)
    usual = torch.zeros(n_features(), dtype=torch.float64)
    usual[element_families()[8]] = 0.5
    copy.networks.critic.usual_features.copy_(usual)
    return copy


def test_runs_are_made_of_what_is_usual(critical, told_oxides):
    assert oxygen_in(outcomes(told_oxides)) > oxygen_in(outcomes(critical)) + 0.05


@pytest.mark.parametrize("asked", [{"exclude": ("O",)}, {"max_atoms": 9}])
def test_what_is_usual_does_not_count_where_something_is_asked(
    critical, told_oxides, asked
):
    request = Request(**asked)
    one, other = (outcomes(each, request=request) for each in (critical, told_oxides))
    assert [each.species for each, _ in one] == [each.species for each, _ in other]
