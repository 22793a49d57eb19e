import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy.spatial.distance import jensenshannon

from crystalgen.evaluation.distribution import (
    Traits,
    densities,
    distances,
    element_counts,
    jensen_shannon,
    wasserstein,
)
from crystalgen.representation.conversion import to_structure

SAMPLES = st.lists(st.floats(0, 20), min_size=1, max_size=30).map(np.array)


@given(sample=SAMPLES, shift=st.floats(-5, 5))
def test_a_shift_is_as_far_as_it_is_long(sample, shift):
    assert wasserstein(sample, sample + shift) == pytest.approx(abs(shift), abs=1e-9)


@given(first=SAMPLES, second=SAMPLES)
def test_distance_is_symmetric(first, second):
    assert wasserstein(first, second) == pytest.approx(wasserstein(second, first))


def test_an_empty_sample_has_no_distance():
    with pytest.raises(ValueError, match="empty sample"):
        wasserstein(np.array([]), np.array([1.0]))


def test_density_and_elements_of_table_salt(crystals):
    salt = [to_structure(crystals[0])]
    assert crystals[0].formula == "NaCl"
    assert densities(salt)[0] == pytest.approx(2.16, abs=0.02)  # g/cm³, CRC Handbook
    assert element_counts(salt).tolist() == [2]


GROUPS = st.lists(st.integers(1, 8), min_size=1, max_size=40)


@given(first=GROUPS, second=GROUPS)
def test_divergence_of_groups_is_that_of_scipy(first, second):
    shares = [np.bincount(each, minlength=9) / len(each) for each in (first, second)]
    expected = jensenshannon(*shares, base=2) ** 2  # scipy gives its root
    found = jensen_shannon(first, second)
    assert found == pytest.approx(np.nan_to_num(expected), abs=1e-7)
    assert found == pytest.approx(jensen_shannon(second, first), abs=1e-12)


def test_an_empty_sample_has_no_divergence():
    with pytest.raises(ValueError, match="empty sample"):
        jensen_shannon([], [1])


def test_a_set_is_compared_by_density_elements_and_groups():
    sample = [Traits(density=2.0, n_elements=2, space_group=225)] * 3
    reference = [Traits(density=5.0, n_elements=3, space_group=62)]
    found = distances(sample, reference)
    assert (found.n_sample, found.n_reference) == (3, 1)
    assert (found.density, found.n_elements) == (3.0, 1.0)
    assert found.space_group_bits == 1.0
