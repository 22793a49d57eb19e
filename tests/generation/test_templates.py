from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from scipy import stats

from crystalgen.errors import RequestError
from crystalgen.generation.request import Request
from crystalgen.generation.templates import TemplateSource
from crystalgen.model.collate import collate, to_templates
from crystalgen.representation.crystal import primitive_multiplicities
from crystalgen.representation.legality import is_legal, letter_rules

MANY = np.arange(2000)


def source_of(weights, **settings):
    return TemplateSource(weights=weights, request=Request(**settings))


def n_atoms(prototype):
    sizes = primitive_multiplicities(prototype.space_group)
    return sum(sizes[letter] for letter in prototype.wyckoff)


@pytest.fixture(scope="module")
def many(weights):
    return source_of(weights).draw(0, MANY)


def test_groups_are_drawn_as_often_as_they_were_seen(many, tables):
    seen = Counter(tables[0].space_group.tolist())
    drawn = Counter(prototype.space_group for prototype in many.prototypes)
    assert drawn.keys() == seen.keys()
    expected = [seen[group] / len(tables[0]) * len(MANY) for group in seen]
    test = stats.chisquare([drawn[group] for group in seen], expected)
    assert test.pvalue > 0.01


def test_known_prototypes_are_drawn_as_often_as_their_log_probability_says(
    many, weights
):
    known = weights.vocabulary.index
    drawn = Counter(p for p in many.prototypes if p in known)
    log_prob = dict(zip(many.prototypes, many.log_prob, strict=True))
    for prototype, count in drawn.items():
        expected = len(MANY) * np.exp(log_prob[prototype])
        # new draws may also spell a known prototype, which is not counted in
        assert expected - 4 * expected**0.5 < count < 1.2 * expected + 4 * expected**0.5


def test_new_prototypes_come_from_the_groups_that_have_rare_ones(many, weights, tables):
    known = weights.vocabulary.index
    new = {p.space_group for p in many.prototypes if p not in known}
    seen = Counter(tables[0].space_group.tolist())
    assert new
    assert all(seen[group] < 3 for group in new)  # rock salt was seen three times


def test_every_template_is_legal_and_small_enough(many, weights):
    rules = letter_rules(weights.config.max_atoms)
    for prototype in set(many.prototypes):
        assert is_legal(rules, prototype.space_group, prototype.wyckoff)
        assert n_atoms(prototype) <= weights.config.max_atoms


@settings(max_examples=15)
@given(
    space_groups=st.lists(
        st.sampled_from([1, 14, 19, 62, 136, 221, 225, 227]), min_size=1, max_size=3
    ),
    max_atoms=st.integers(8, 30),
    temperature=st.sampled_from([1e-3, 0.1, 0.7, 1.0, 3.0, 10.0]),
)
def test_only_what_was_asked_for_is_drawn(
    weights, space_groups, max_atoms, temperature
):
    source = source_of(
        weights,
        space_groups=tuple(space_groups),
        max_atoms=max_atoms,
        temperature=temperature,
    )
    drawn = source.draw(1, np.arange(20))
    assert {p.space_group for p in drawn.prototypes} <= set(space_groups)
    assert max(map(n_atoms, drawn.prototypes)) <= min(max_atoms, 20)
    assert np.isfinite(drawn.log_prob).all()
    assert (drawn.log_prob <= 1e-6).all()


def test_a_group_never_seen_may_be_asked_for(weights):
    drawn = source_of(weights, space_groups=(19,)).draw(0, np.arange(10))
    assert {prototype.space_group for prototype in drawn.prototypes} == {19}
    assert not drawn.templates.prototype.any()


@pytest.mark.parametrize("temperature", [0.02, 1e-4])
def test_a_low_temperature_takes_the_most_frequent_prototype(weights, temperature):
    drawn = source_of(weights, temperature=temperature).draw(0, np.arange(50))
    assert set(drawn.prototypes) == {weights.vocabulary.prototype(0)}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"space_groups": (230,), "max_atoms": 7},
            "positions of group 230 with at most 7 atoms .*; allow 8 atoms or more",
        ),
        (
            {"space_groups": (227, 230), "max_atoms": 1},
            "positions of group 227, 230 with at most 1 atoms.*; allow 2 atoms or more",
        ),
        (
            {"space_groups": (228,)},
            "group 228 with at most 20 .*; choose another group",
        ),
        ({"max_atoms": 1}, "no known prototype has at most 1 atoms"),
    ],
)
def test_what_no_crystal_can_fulfil_is_refused(weights, settings, message):
    with pytest.raises(RequestError, match=message) as refused:
        source_of(weights, **settings)
    assert "\n" not in str(refused.value)


@settings(max_examples=10)
@given(numbers=st.lists(st.integers(0, 63), min_size=1, max_size=5, unique=True))
def test_a_template_depends_on_its_draw_alone(weights, numbers):
    source = source_of(weights)
    together = source.draw(0, np.arange(64))
    alone = source.draw(0, np.array(numbers))
    for place, number in enumerate(numbers):
        assert alone.prototypes[place] == together.prototypes[number]
        assert np.isclose(alone.log_prob[place], together.log_prob[number])


def test_another_seed_draws_other_templates(weights, many):
    other = source_of(weights).draw(1, MANY)
    assert other.prototypes != many.prototypes


def test_templates_are_those_that_training_saw(weights, tables, examples):
    batch = collate(examples, np.arange(len(tables[0])))
    known = weights.vocabulary
    prototypes = []
    for row, crystal in enumerate(map(tables[0].crystal, range(len(tables[0])))):
        (found,) = (
            prototype
            for prototype in known.index
            if prototype.space_group == crystal.space_group
            and prototype.wyckoff == crystal.wyckoff
            and prototype.roles
            == tuple(batch.templates.role[row, : crystal.n_orbits].tolist())
        )
        prototypes.append(found)
    again = to_templates(tuple(prototypes), known)
    assert torch.equal(again.space_group, batch.templates.space_group)
    assert torch.equal(again.position, batch.templates.position)
    assert torch.equal(again.role, batch.templates.role)
    assert torch.equal(again.prototype, batch.templates.prototype)
    assert torch.equal(again.centre, batch.templates.centre)


def test_rows_of_a_draw_drop_needless_padding(many):
    sizes = np.array([len(prototype.wyckoff) for prototype in many.prototypes])
    some = np.flatnonzero(sizes == 2)[:5]
    templates = many.rows(some)
    assert templates.position.shape == (5, 2)
    assert templates.present.all()


@settings(max_examples=10)
@given(
    failed=st.lists(st.integers(0, 63), min_size=1, max_size=9, unique=True),
    renewal=st.integers(1, 3),
)
def test_a_replaced_template_is_like_the_one_before(weights, failed, renewal):
    source = source_of(weights)
    earlier = source.draw(0, np.arange(64))
    some = np.array(failed)
    again = source.draw_again(0, earlier, some, renewal=renewal)
    assert again.draws.tolist() == failed
    assert again.is_new.tolist() == earlier.is_new[some].tolist()
    for place, number in enumerate(failed):
        before, after = earlier.prototypes[number], again.prototypes[place]
        assert after.space_group == before.space_group
        if not again.is_new[place]:
            assert after.n_elements == before.n_elements
            assert after in weights.vocabulary.index
    assert np.isfinite(again.log_prob).all()


def test_a_template_is_replaced_by_another_each_time(weights):
    source = source_of(weights, space_groups=(19,))
    earlier = source.draw(0, np.arange(64))
    everything = np.arange(64)
    one, two = (
        source.draw_again(0, earlier, everything, renewal=renewal) for renewal in (1, 2)
    )
    assert one.prototypes != earlier.prototypes
    assert one.prototypes != two.prototypes
