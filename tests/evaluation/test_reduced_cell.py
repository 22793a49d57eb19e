import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core import Lattice, Structure

from crystalgen.evaluation.matching import first_equals
from crystalgen.evaluation.reduced_cell import are_equal, may_be_equal, reduce_cell
from crystalgen.representation.conversion import (
    to_conventional_structure,
    to_structure,
)

LENGTH_TOLERANCE = 0.2


def variants(seed, n):
    """Crystals of one element: a few random ones, strained and shaken."""
    rng = np.random.default_rng(seed)
    parents = []
    for n_atoms in rng.integers(1, 4, size=3):
        angles = rng.uniform(62, 118, size=3)
        while angles.sum() > 350 or 2 * angles.max() > angles.sum() - 5:
            angles = rng.uniform(62, 118, size=3)
        lengths = rng.uniform(2.0, 4.0, size=3) * n_atoms ** (1 / 3)
        parents.append(((*lengths, *angles), rng.random((n_atoms, 3))))
    for _ in range(n):
        parameters, coords = parents[rng.integers(len(parents))]
        strain = 1 + rng.uniform(-0.15, 0.15, size=6) * (1, 1, 1, 0.3, 0.3, 0.3)
        shaken = coords + rng.normal(scale=0.05, size=coords.shape)
        lattice = Lattice.from_parameters(*np.multiply(parameters, strain))
        yield Structure(lattice, ["C"] * len(coords), shaken)


def first_by_all_pairs(structures):
    """The same as `first_equals`, by nothing but the matcher."""
    matcher = StructureMatcher()
    kept, first = [], []
    for index, structure in enumerate(structures):
        equal = (each for each in kept if matcher.fit(structure, structures[each]))
        first.append(next(equal, index))
        if first[-1] == index:
            kept.append(index)
    return first


@given(st.integers(0, 10**6))
@settings(max_examples=20)
def test_the_first_equals_are_those_of_the_matcher_on_all_pairs(seed):
    structures = list(variants(seed, 12))
    assert first_equals(structures) == first_by_all_pairs(structures)


@given(st.integers(0, 10**6))
@settings(max_examples=20)
def test_no_pair_that_matches_is_ruled_out(seed):
    cells = [reduce_cell(each) for each in variants(seed, 8)]
    for cell in cells:
        may = may_be_equal(cell, cells, length_tolerance=LENGTH_TOLERANCE)
        for other, is_possible in zip(cells, may, strict=True):
            fits = are_equal(cell, other, matcher=StructureMatcher())
            assert fits <= is_possible


def test_some_pairs_are_ruled_out_and_some_match():
    cells = [reduce_cell(each) for each in variants(0, 20)]
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


def test_the_shortest_vectors_are_no_longer_than_the_cell():
    for structure in variants(1, 10):
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
