import math
import random
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, strategies as st
from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core import Lattice, Structure

from crystalgen.evaluation.reconstruction import (
    SITE_TOLERANCE,
    NamedStructure,
    best_of,
    compare,
    matches,
    pair,
    rms_distance,
)
from crystalgen.evaluation.summary import Share
from crystalgen.representation.conversion import (
    to_conventional_structure,
    to_structure,
)

distances = st.lists(
    st.lists(st.floats(0, SITE_TOLERANCE) | st.just(math.inf), min_size=4, max_size=4),
    min_size=1,
    max_size=8,
).map(np.array)


def named(structures):
    return [
        NamedStructure(identifier=str(index), structure=structure)
        for index, structure in enumerate(structures)
    ]


@pytest.fixture(scope="module")
def truths(crystals):
    return named(map(to_structure, crystals[:9]))


def first(found):
    assert found.first is not None
    return found.first


def best(found):
    assert found.best is not None
    return found.best


def rutile(x):
    return Structure.from_spacegroup(
        136,
        Lattice.tetragonal(4.594, 2.959),
        ["Ti", "O"],
        [[0, 0, 0], [x, x, 0]],
    )


def test_a_set_is_matched_with_itself_exactly(truths):
    found = compare(truths, truths)
    everything = Share(count=9, of=9)
    assert found.paired == everything
    assert found.n_draws == 1
    for figures in (found.first, found.best, found.metre):
        assert figures is not None
        assert figures.matched == everything
        assert (figures.rmse, figures.crmse) == pytest.approx((0, 0), abs=1e-7)


def test_the_cell_has_no_influence(truths, crystals):
    made = named(map(to_conventional_structure, crystals[:9]))
    found = compare(made, truths)
    assert found.metre.matched.count == 9
    assert found.metre.rmse == pytest.approx(0, abs=1e-6)


def test_the_order_of_either_set_has_no_influence(truths):
    made = [
        NamedStructure(
            identifier=each.identifier,
            structure=each.structure.copy().perturb(0.05, seed=index),
        )
        for index, each in enumerate(truths)
    ]
    expected = compare(made, truths)
    shuffle = random.Random(0).shuffle
    for together in (made, truths):
        mixed = together.copy()
        shuffle(mixed)
        found = compare(*((mixed, truths) if together is made else (made, mixed)))
        for mine, theirs in (
            (best(found), best(expected)),
            (found.metre, expected.metre),
        ):
            assert mine.matched == theirs.matched
            assert mine.crmse == pytest.approx(theirs.crmse)


def test_the_distance_is_pymatgens():
    matcher = StructureMatcher(stol=0.5, angle_tol=10, ltol=0.3)
    made, truth = rutile(0.33), rutile(0.305)
    expected = (matcher.get_rms_dist(made, truth) or (0.0,))[0]
    assert 0.01 < expected < SITE_TOLERANCE
    assert rms_distance(made, truth) == expected
    found = compare(named([made]), named([truth]))
    assert first(found).rmse == found.metre.crmse == expected


def test_a_distance_is_in_units_of_the_edge_of_a_cell_per_atom():
    # four oxygen atoms of six move by |(d, d, 0)| a, two titanium atoms stay; no shift
    # can improve on that, as the oxygen atoms move against one another
    moved = 0.01 * 4.594 * math.sqrt(2)
    edge = (4.594**2 * 2.959 / 6) ** (1 / 3)
    found = rms_distance(rutile(0.315), rutile(0.305))
    assert found == pytest.approx(math.sqrt(4 / 6) * moved / edge, rel=1e-6)


def test_other_formulas_and_the_unreadable_match_nothing(crystals):
    salt, fluoride = (to_structure(each) for each in crystals[:2])
    flat = Structure(Lattice.cubic(1e-3), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    for made in (fluoride, flat, None):
        assert rms_distance(made, salt) == math.inf
    found = compare(named([fluoride, None]), named([salt, salt]))
    assert first(found) == found.metre == matches(np.array([math.inf, math.inf]))
    assert first(found).matched == Share(count=0, of=2)
    assert math.isnan(first(found).rmse)
    assert first(found).crmse == SITE_TOLERANCE


def test_true_crystals_without_a_crystal_count_as_not_matched(truths):
    found = compare(truths[:3], truths)
    assert found.paired == first(found).matched == Share(count=3, of=9)
    assert first(found).crmse == pytest.approx(6 / 9 * SITE_TOLERANCE)


def test_several_crystals_of_one_identifier_are_draws(crystals):
    salt, fluoride = (to_structure(each) for each in crystals[:2])
    truth = [NamedStructure(identifier="a", structure=salt)]
    made = [
        NamedStructure(identifier="a", structure=each)
        for each in (fluoride, None, salt)
    ]
    found = compare(made, truth)
    assert found.n_draws == 3
    assert first(found).matched.count == 0
    assert best(found).matched.count == 1


def test_without_common_identifiers_everyone_is_matched_by_formula():
    made = [
        NamedStructure(identifier=name, structure=rutile(x))
        for name, x in (("a", 0.35), ("b", 0.31), ("c", 0.30))
    ]
    found = compare(made, named([rutile(0.305), rutile(0.305)]))
    assert found.paired is found.first is found.best is None
    assert found.metre.matched == Share(count=2, of=2)
    nearest = min(rms_distance(each.structure, rutile(0.305)) for each in made)
    assert found.metre.rmse == nearest


def test_true_crystals_of_one_identifier_are_not_paired(truths):
    twice = [*truths, truths[0]]
    assert pair(truths, twice).draws is None
    assert compare(truths, twice).metre.matched == Share(count=10, of=10)


@given(distances)
def test_more_draws_never_hurt(found):
    figures = [matches(best_of(found, k)) for k in range(5)]
    assert figures[0].matched.count == 0
    for fewer, more in pairwise(figures):
        assert fewer.matched.count <= more.matched.count
        assert fewer.crmse >= more.crmse - 1e-12


@given(distances)
def test_the_corrected_error_lies_between_the_error_and_the_tolerance(found):
    figures = matches(found[:, 0])
    share = figures.matched.count / figures.matched.of
    inside = share * figures.rmse if share else 0.0
    assert figures.crmse == pytest.approx(inside + (1 - share) * SITE_TOLERANCE)
