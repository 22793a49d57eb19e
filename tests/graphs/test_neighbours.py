import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from pymatgen.core import Lattice, Structure

from crystalgen.graphs.neighbours import neighbours_within


@st.composite
def cells(draw):
    """A lattice that is not too flat, and a few atoms that are not too close."""
    seed = draw(st.integers(0, 10_000))
    rng = np.random.default_rng(seed)
    lengths, angles = rng.uniform(3, 8, 3), rng.uniform(65, 115, 3)
    lattice = Lattice.from_parameters(*lengths, *angles)
    return lattice, rng.uniform(-1, 2, (draw(st.integers(1, 5)), 3))


@settings(max_examples=30)
@given(cell=cells(), radius=st.floats(2.0, 6.0))
def test_neighbours_are_those_that_pymatgen_finds(cell, radius):
    lattice, places = cell
    structure = Structure(lattice, ["H"] * len(places), places)
    found = neighbours_within(
        radius, np.array(lattice.matrix), places, np.arange(len(places))
    )
    vectors = (places[found.atom] - places[found.target] + found.image) @ lattice.matrix
    lengths = np.linalg.norm(vectors, axis=1)
    assert (lengths < radius).all()
    for target in range(len(places)):
        expected = sorted(
            n.nn_distance for n in structure.get_neighbors(structure[target], radius)
        )
        got = np.sort(lengths[found.target == target])
        np.testing.assert_allclose(got, expected, atol=1e-6)


def test_only_representatives_have_neighbours():
    places = np.array([[0.0, 0, 0], [0.5, 0.5, 0.5]])
    found = neighbours_within(3.0, 3 * np.eye(3), places, np.array([1]))
    assert set(found.target.tolist()) == {0}
    assert (found.atom == 0).sum() == 8


@pytest.mark.parametrize("radius", [0.5, 2.0])
def test_without_neighbours_arrays_are_empty(radius):
    found = neighbours_within(radius, 9 * np.eye(3), np.zeros((1, 3)), np.array([0]))
    assert found.image.shape == (0, 3)
