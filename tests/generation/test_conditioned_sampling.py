"""What conditions change of a run, and what they do not."""

import numpy as np
import pytest

from crystalgen.errors import RequestError
from crystalgen.generation.condition import Condition
from crystalgen.generation.generator import Generator
from crystalgen.generation.request import Request
from crystalgen.generation.template_chances import TemplateChances
from crystalgen.generation.template_tilt import MOST_POWER


def drawn(generator, *texts, n=5, **wishes):
    conditions = tuple(map(Condition.parse, texts))
    # small ones that may be known: untrained networks seldom draw others
    wishes = {"max_atoms": 6, "allow_known": True, "charge_neutral": False, **wishes}
    run = generator.sample(Request(n=n, conditions=conditions, **wishes), seed=4)
    return [
        (each.index, each.log_prob, each.crystal.label, each.crystal.species)
        for each in run
    ]


@pytest.fixture(scope="module")
def generator(told_checkpoint):
    return Generator.load(told_checkpoint)


@pytest.fixture(scope="module")
def free(generator):
    return drawn(generator)


def test_no_guidance_draws_as_if_nothing_was_asked(generator, free):
    assert drawn(generator, "gap=2", guidance=0.0) == free


def test_conditions_draw_other_crystals(generator, free):
    told = drawn(generator, "gap=2", "energy=-4:-1")
    assert told
    assert told != free


def test_conditions_go_with_constraints(generator):
    wishes = {"n": 3, "elements": ("Na", "Cl", "Mg", "O"), "space_groups": (225, 221)}
    told = drawn(generator, "gap=2", **wishes)
    assert len(told) == 3
    assert all(set(species) <= {8, 11, 12, 17} for *_, species in told)


def test_a_run_in_processes_asks_the_same(generator):
    request = Request(
        n=3, max_atoms=6, allow_known=True, conditions=(Condition.parse("gap=1:3"),)
    )
    one, two = (
        [(each.index, each.log_prob) for each in run]
        for run in (
            generator.sample(request, seed=1),
            generator.sample(request, seed=1, workers=2),
        )
    )
    assert one == two


def test_an_unknown_property_is_refused_before_the_first_draw(generator):
    with pytest.raises(RequestError, match="know no such property"):
        drawn(generator, "colour=1")


def test_chances_follow_the_learnt_ratio_to_the_power_of_the_guidance(told_weights):
    def of(guidance):
        request = Request(conditions=(Condition.parse("gap=2"),), guidance=guidance)
        return TemplateChances(weights=told_weights, request=request)

    one, two, most, more = of(0.5), of(1.0), of(MOST_POWER), of(9.0)
    free = one.untold
    ratio = one.of_draw(0).prototypes / free.prototypes
    assert not np.allclose(ratio, 1)
    np.testing.assert_allclose(
        two.of_draw(0).prototypes, free.prototypes * ratio**2, rtol=1e-6
    )
    np.testing.assert_allclose(
        more.of_draw(0).prototypes, most.of_draw(0).prototypes, rtol=1e-6
    )
    for chances in (free, one.of_draw(0), two.of_draw(0)):
        assert chances.groups.sum() == pytest.approx(1)
        assert ((chances.new >= 0) & (chances.new <= 1)).all()
        assert ((chances.groups > 0) == (free.groups > 0)).all()
