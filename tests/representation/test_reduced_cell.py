import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core import Lattice, Structure

from crystalgen.representation.conversion import (
    to_conventional_structure,
    to_structure,
)
from crystalgen.representation.reduced_cell import are_equal, may_be_equal, reduce_cell

LENGTH_TOLERANCE = 0.2


@given(seed=st.integers(0, 10**6))
@settings(max_examples=20)
def test_no_pair_that_matches_is_ruled_out(strained_crystals, seed):
    cells = [reduce_cell(each) for each in strained_crystals(seed, 8)]
    for cell in cells:
        may = may_be_equal(cell, cells, length_tolerance=LENGTH_TOLERANCE)
        for other, is_possible in zip(cells, may, strict=True):
            fits = are_equal(cell, other, matcher=StructureMatcher())
            assert fits <= is_possible


def test_some_pairs_are_ruled_out_and_some_match(strained_crystals):
    cells = [reduce_cell(each) for each in strained_crystals(0, 20)]
    may = np.array(
        [may_be_equal(each, cells, length_tolerance=LENGTH_TOLERANCE) for each in cells]
    )
    fits = np.array(
        [
            [are_equal(a, b, matcher=StructureMatcher()) for b in cells if b is not a]
            for a in cells
        ]
    )
    assert 0 < may.sum() < may.size
    assert 0 < fits.sum() < fits.size


def test_a_reduced_cell_does_not_depend_on_the_cell(crystals):
    for crystal in crystals:
        primitive = reduce_cell(to_structure(crystal))
        conventional = reduce_cell(to_conventional_structure(crystal))
        assert primitive.n_atoms == conventional.n_atoms == crystal.n_atoms
        np.testing.assert_allclose(primitive.shortest, conventional.shortest, rtol=1e-6)


def test_the_shortest_vectors_are_no_longer_than_the_cell(strained_crystals):
    for structure in strained_crystals(1, 10):
        cell = reduce_cell(structure)
        assert (cell.shortest <= cell.lengths * (1 + 1e-6)).all()
        # Minkowski: the product of the minima is between the volume and twice it
        assert 1 - 1e-6 <= cell.shortest.prod() <= 2 + 1e-6


def test_nothing_is_compared_with_nothing(crystals):
    cell = reduce_cell(to_structure(crystals[0]))
    assert may_be_equal(cell, [], length_tolerance=LENGTH_TOLERANCE).shape == (0,)


@pytest.mark.parametrize("stretch", [1.0, 1.19, 1.6])
def test_a_cell_is_ruled_out_where_it_is_too_long(stretch):
    cube = reduce_cell(Structure(Lattice.cubic(3), ["C"], [[0, 0, 0]]))
    long = reduce_cell(
        Structure(Lattice.tetragonal(3, 3 * stretch**1.5), ["C"], [[0, 0, 0]])
    )
    (may,) = may_be_equal(long, [cube], length_tolerance=LENGTH_TOLERANCE)
    assert may == (stretch < 1.2)
