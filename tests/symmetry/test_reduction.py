import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from pymatgen.core import Lattice

from crystalgen.symmetry.lattice import lattice_matrix, lattice_parameters
from crystalgen.symmetry.normalizer import translations_for
from crystalgen.symmetry.reduction import (
    LENGTH,
    linear_part,
    reduced_bases,
    smallest_rows,
)
from crystalgen.symmetry.wyckoff import space_group

SEEDS = st.integers(0, 2**32 - 1)


def random_cell(rng, *, is_monoclinic=False):
    lengths = rng.uniform(3, 12, 3)
    angles = rng.uniform(65, 115, 3)
    if is_monoclinic:
        angles[[0, 2]] = 90
    return lattice_matrix(np.array([*lengths, *angles]))


def shears(rng, number, n_steps=6):
    """A random product of small changes of a and c that keep the standard setting."""
    change = np.eye(3, dtype=int)
    while n_steps:
        p, q, r, s = rng.integers(-2, 3, 4)
        step = np.array([[p, 0, q], [0, rng.choice([-1, 1]), 0], [r, 0, s]])
        if abs(p * s - q * r) == 1 and translations_for(number, linear_part(step)):
            change, n_steps = step @ change, n_steps - 1
    return change


def reduced_parameters(group, lattice):
    bases = reduced_bases(group, lattice @ lattice.T)
    return bases, lattice_parameters(bases @ lattice)


@given(SEEDS)
def test_a_triclinic_cell_has_the_lengths_of_its_niggli_cell(seed):
    rng = np.random.default_rng(seed)
    lattice = random_cell(rng)
    _, parameters = reduced_parameters(space_group(2), lattice)
    niggli = Lattice(lattice).get_niggli_reduced_lattice()
    # vectors that differ by less than LENGTH count as equally short
    np.testing.assert_allclose(parameters[0][:3], niggli.abc, atol=LENGTH)
    assert (parameters[:, 3:5] <= 90.1).all()


@pytest.mark.parametrize("number", range(1, 16))
@settings(max_examples=25)
@given(seed=SEEDS)
def test_every_description_of_a_lattice_reduces_to_the_same_cell(number, seed):
    rng = np.random.default_rng(seed)
    group = space_group(number)
    lattice = random_cell(rng, is_monoclinic=number > 2)
    if number > 2:
        change = shears(rng, number)
    else:
        change = np.eye(3, dtype=int)
        for _ in range(6):
            first, second = rng.choice(3, 2, replace=False)
            change[first] += rng.choice([-1, 1]) * change[second]
    _, expected = reduced_parameters(group, lattice)
    _, found = reduced_parameters(group, change @ lattice)
    assert len(found) == len(expected)
    distances = np.abs(found[:, None] - expected).max(axis=2)
    assert (distances.min(axis=0) < 1e-6).all()
    assert (distances.min(axis=1) < 1e-6).all()


@pytest.mark.parametrize("number", range(3, 16))
@settings(max_examples=25)
@given(seed=SEEDS)
def test_monoclinic_cells_keep_the_setting_and_are_obtuse(number, seed):
    rng = np.random.default_rng(seed)
    group = space_group(number)
    bases, parameters = reduced_parameters(group, random_cell(rng, is_monoclinic=True))
    for basis in bases:
        assert translations_for(number, linear_part(basis))
    assert (parameters[:, 4] >= 89.9).all()
    np.testing.assert_allclose(parameters[:, [3, 5]], 90, atol=1e-9)


def test_cells_that_tie_are_all_returned():
    primitive_cubic = np.eye(3) * 4.0
    bases, _ = reduced_parameters(space_group(1), primitive_cubic)
    assert len(bases) == 48  # all rotations of the cube
    bases, _ = reduced_parameters(space_group(2), primitive_cubic)
    assert len(bases) == 24  # modulo the inversion


def test_smallest_rows_break_ties_by_the_next_column():
    rows = np.array([[1.0, 3.0], [1.05, 2.0], [0.99, 4.0], [1.5, 0.0]])
    assert smallest_rows(rows, tolerance=np.array([0.1, 0.1])).tolist() == [1]
    assert smallest_rows(rows, tolerance=np.array([0.0, 0.0])).tolist() == [2]
    assert smallest_rows(rows, tolerance=np.array([0.1, 1.0])).tolist() == [0, 1]
