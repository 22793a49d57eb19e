"""Which family elements suggest: Bayes by hand, and invariances."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy.stats import norm

from crystalgen.model.centres import fit_centres
from crystalgen.model.families import find_kin
from crystalgen.model.family_elements import (
    COARSE,
    SHARE,
    USUAL_VARIANCE,
    USUAL_WEIGHT,
    FamilyElements,
    fit_family_elements,
)
from crystalgen.representation.periodic_table import STEPS, element_places
from crystalgen.representation.prototype import count_prototypes
from crystalgen.representation.table import CrystalTable

RUTILE = 8
SEVERAL = ((0.3, (22, 8)), (0.3, (23, 8)), (0.31, (40, 8)), (0.7, (12, 9)))
"""Coordinates and elements: a family of three and one of one."""


def counted(crystals, members):
    varied = [
        replace(
            crystals[RUTILE],
            species=species,
            free_coords=np.array([[0.0, 0.0, 0.0], [place, 0.0, 0.0]]),
        )
        for place, species in members
    ]
    table = CrystalTable.from_crystals(varied, identifiers=[""] * len(varied))
    vocabulary = count_prototypes(table)
    kin = find_kin(table, vocabulary, fit_centres(table, vocabulary))
    return fit_family_elements(table, kin), vocabulary


def test_a_prototype_of_one_family_is_not_described(crystals):
    arrays, _ = counted(crystals, SEVERAL[:3])
    assert arrays.prototype.shape == (0,)
    assert arrays.mean.shape == (0, len(STEPS))


def test_means_and_variances_are_those_of_the_members(crystals):
    arrays, _ = counted(crystals, SEVERAL)
    assert (arrays.prototype.tolist(), arrays.counts.tolist()) == ([0, 0], [3, 1])
    places = element_places()[[22, 23, 40]]
    np.testing.assert_allclose(arrays.mean[0], places.mean(axis=0), rtol=1e-6)
    spread = 3 * places.var(axis=0) + USUAL_WEIGHT * USUAL_VARIANCE
    np.testing.assert_allclose(arrays.variance[0], spread / (3 + USUAL_WEIGHT))
    np.testing.assert_allclose(arrays.mean[1], element_places()[8], rtol=1e-6)


def test_of_a_single_crystal_the_elements_are_coarse(crystals):
    arrays, _ = counted(crystals, SEVERAL)
    steps = arrays.mean[2:] / COARSE
    np.testing.assert_array_equal(steps, np.rint(steps))
    assert abs(arrays.mean[2:] - element_places()[[12, 9]]).max() <= COARSE / 2


@settings(max_examples=30)
@given(metal=st.integers(3, 83), anion=st.sampled_from([8, 9, 16, 17, 35]))
def test_probabilities_are_those_of_bayes(crystals, metal, anion):
    arrays, vocabulary = counted(crystals, SEVERAL)
    found = FamilyElements(arrays, vocabulary).log_probabilities(0, (metal, anion))
    places = element_places()[[metal, anion]]
    odds = np.array(
        [
            np.log(count)
            + SHARE
            * norm.logpdf(
                places,
                arrays.mean[2 * family : 2 * family + 2],
                np.sqrt(arrays.variance[2 * family : 2 * family + 2]),
            ).sum()
            for family, count in enumerate(arrays.counts)
        ]
    )
    expected = odds - np.logaddexp.reduce(odds)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert np.exp(found).sum() == pytest.approx(1.0)


def test_the_elements_of_the_members_suggest_their_family(crystals):
    arrays, vocabulary = counted(crystals, SEVERAL)
    elements = FamilyElements(arrays, vocabulary)
    assert elements.log_probabilities(0, (22, 8)).argmax() == 0
    assert elements.log_probabilities(0, (12, 9)).argmax() == 1
