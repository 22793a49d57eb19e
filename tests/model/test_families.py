from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st

from crystalgen.model.cell import lattice_features
from crystalgen.model.centres import BINS, fit_centres
from crystalgen.model.families import MOST, Families, find_kin, fit_families
from crystalgen.representation.prototype import count_prototypes
from crystalgen.representation.table import CrystalTable

RUTILE = 8
"""Place of rutile among the textbook crystals."""


def rutiles(crystals, places):
    """Rutile with other free coordinates and heights of the cell."""
    varied = [
        replace(
            crystals[RUTILE],
            free_coords=np.array([[0.0, 0.0, 0.0], [x % 1.0, 0.0, 0.0]]),
            lattice_parameters=np.array([4.594, 4.594, height, 90.0, 90.0, 90.0]),
        )
        for x, height in places
    ]
    return CrystalTable.from_crystals(varied, identifiers=[""] * len(varied))


def found(crystals, places):
    table = rutiles(crystals, places)
    vocabulary = count_prototypes(table)
    kin = find_kin(table, vocabulary, fit_centres(table, vocabulary))
    return fit_families(table, vocabulary, kin), vocabulary


def test_members_that_agree_are_of_one_family(crystals):
    arrays, _ = found(crystals, [(0.30, 3.0), (0.31, 3.0), (0.305, 3.05)])
    assert arrays.prototype.shape == (0,)
    assert arrays.coords.shape == (0, 3)
    assert arrays.cell.shape == (0, 6)


@settings(max_examples=30)
@given(middle=st.floats(0, 1), apart=st.floats(0.2, 0.8))
def test_a_smaller_family_is_the_mean_of_its_members(crystals, middle, apart):
    other = middle + apart
    places = [(middle, 3.0)] * 3 + [(other - 0.005, 3.0), (other + 0.005, 3.0)]
    arrays, _ = found(crystals, places)
    assert arrays.prototype.tolist() == [0]
    offset = arrays.coords[1, 0] - other
    assert abs(offset - round(offset)) < 1e-5
    assert not arrays.coords[0].any()
    assert not arrays.coords[1, 1:].any()
    cells = torch.tensor([[4.594, 4.594, 3.0, 90, 90, 90]], dtype=torch.float64)
    expected = lattice_features(cells, torch.ones(1))[0].numpy()
    np.testing.assert_allclose(arrays.cell[0, 1:], expected[1:], atol=1e-6)
    assert arrays.cell[0, 0] == 0


def test_cells_of_another_shape_are_families_of_their_own(crystals):
    # the centre, which looks at coordinates alone, lies between them
    arrays, _ = found(crystals, [(0.3, 3.0)] * 3 + [(0.3, 6.0)] * 2)
    expected = np.log([3.0 / 4.594, 6.0 / 4.594])
    assert arrays.cell[:, 2].tolist() == pytest.approx(expected.tolist(), abs=1e-6)


def test_of_a_single_crystal_only_bins_are_kept(crystals):
    arrays, _ = found(crystals, [(0.3, 3.0)] * 3 + [(0.6123, 6.0)])
    assert arrays.coords[1, 0] == pytest.approx((np.floor(0.6123 * BINS) + 0.5) / BINS)
    assert (arrays.cell * BINS == np.rint(arrays.cell * BINS)).all()


def test_the_largest_families_are_kept_in_order(crystals):
    sizes = (20, *range(MOST + 2, 1, -1))
    places = [(0.16 * k, 3.0) for k, size in enumerate(sizes) for _ in range(size)]
    arrays, vocabulary = found(crystals, places)
    expected = [0.16 * k for k in range(1, MOST + 1)]
    assert arrays.coords[1::2, 0].tolist() == pytest.approx(expected, abs=1e-6)
    families = Families(arrays, vocabulary)
    assert families.of(0) == range(MOST)
    coords, features = families.geometry(1)
    assert coords[1, 0] == pytest.approx(0.32, abs=1e-6)
    assert features.tolist() == pytest.approx(arrays.cell[1, 1:].tolist())
