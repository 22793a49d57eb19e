import sys

import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra import numpy as hnp

from crystalgen.errors import EvaluationError
from crystalgen.evaluation.coverage import (
    CUTOFFS,
    Cutoffs,
    Fingerprint,
    coverage,
    featurizers,
    fingerprint,
)
from crystalgen.representation.conversion import to_structure

NEAR = Cutoffs(0.5, 0.5)


def prints(places):
    """Fingerprints at places on a line, the same for structure and composition."""
    return [Fingerprint(np.array([x]), np.array([x])) for x in map(float, places)]


@pytest.fixture(scope="module")
def textbook(crystals):
    return [fingerprint(to_structure(crystal)) for crystal in crystals[:9]]


@given(
    places=hnp.arrays(float, st.integers(1, 8), elements=st.floats(-5, 5)),
    cutoff=st.floats(0, 3),
)
def test_a_set_covers_itself(places, cutoff):
    found = coverage(prints(places), prints(places), Cutoffs(cutoff, cutoff))
    assert (found.recall, found.precision) == (1.0, 1.0)


def test_recall_is_of_the_reference_and_precision_of_the_sample():
    found = coverage(prints([0, 0, 0, 9]), prints([0, 4]), NEAR)
    assert (found.recall, found.precision) == (0.5, 0.75)
    assert (found.n_sample, found.n_reference) == (4, 2)


def test_structure_and_composition_may_be_near_different_crystals():
    one, other = np.array([0.0]), np.array([10.0])
    sample = [Fingerprint(one, other), Fingerprint(other, one)]
    reference = [Fingerprint(one, one), Fingerprint(other, other)]
    assert coverage(sample, reference, NEAR).recall == 1.0


def test_a_crystal_without_a_fingerprint_is_not_covered():
    found = coverage([*prints([0]), None], [*prints([0]), None], NEAR)
    assert (found.recall, found.precision) == (1.0, 0.5)


def test_features_are_scaled_by_their_spread_over_the_reference():
    sample, reference = prints([4]), prints([0, 3])  # mean 1.5, deviation 1.5
    away = (4 - 3) / 1.5
    loose = Cutoffs(9.0, away + 0.01)
    assert coverage(sample, reference, loose).precision == 1.0
    assert coverage(sample, reference, Cutoffs(9.0, away - 0.01)).precision == 0.0


def test_nothing_to_compare_is_an_error():
    with pytest.raises(EvaluationError, match="0 of 1 crystals and 1 of 1"):
        coverage([None], prints([0]), NEAR)


def test_fingerprints_do_not_depend_on_the_cell(crystals, textbook):
    structure = to_structure(crystals[8])
    doubled = structure.make_supercell([1, 1, 2], in_place=False)
    again = fingerprint(doubled)
    assert again is not None
    for one, two in zip(textbook[8], again, strict=True):
        np.testing.assert_allclose(one, two, atol=1e-6)


def test_rock_salts_are_alike_and_rutile_is_not(textbook):
    salt, fluoride, *_, rutile = (each.structure for each in textbook)
    assert np.linalg.norm(salt - fluoride) < 1e-6
    assert np.linalg.norm(salt - rutile) > CUTOFFS["mp-20"].structure


def test_without_matminer_the_remedy_is_named(monkeypatch):
    featurizers.cache_clear()
    monkeypatch.setitem(sys.modules, "matminer.featurizers.composition", None)
    with pytest.raises(EvaluationError, match="crystalgen-dvae\\[evaluate\\]"):
        featurizers()
    featurizers.cache_clear()
