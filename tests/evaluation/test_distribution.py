import numpy as np
import pytest
from hypothesis import given, strategies as st

from crystalgen.evaluation.distribution import (
    densities,
    element_counts,
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
