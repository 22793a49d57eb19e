import numpy as np
import pytest
from hypothesis import assume, given, strategies as st
from pymatgen.core import Lattice

from crystalgen.errors import GeometryError
from crystalgen.symmetry.lattice import (
    FREE_PARAMETERS,
    constrain,
    free_lattice_parameters,
    lattice_matrix,
    lattice_parameters,
    primitive_vectors,
)
from crystalgen.symmetry.wyckoff import space_group

LENGTHS = st.floats(1, 50)
ANGLES = st.floats(30, 150)


@given(st.tuples(LENGTHS, LENGTHS, LENGTHS, ANGLES, ANGLES, ANGLES))
def test_vectors_are_those_of_pymatgen(parameters):
    alpha, beta, gamma = parameters[3:]
    assume(alpha + beta + gamma < 355)
    assume(2 * max(alpha, beta, gamma) < alpha + beta + gamma - 5)
    vectors = lattice_matrix(np.array(parameters))
    expected = Lattice.from_parameters(*parameters).matrix
    np.testing.assert_allclose(vectors, expected, atol=1e-8)
    np.testing.assert_allclose(lattice_parameters(vectors), parameters, rtol=1e-7)
    assert np.linalg.det(vectors) > 0


@pytest.mark.parametrize(
    "parameters",
    [
        (5, 5, 5, 150, 150, 150),
        (5, 5, 5, 20, 30, 60),
        (0, 5, 5, 90, 90, 90),
        (5, 5, np.inf, 90, 90, 90),
        (5, 5, 5, np.nan, 90, 90),
        (5, 5, 5, 90, 0, 90),
    ],
)
def test_parameters_that_close_no_cell_are_refused(parameters):
    with pytest.raises(GeometryError, match="close a cell"):
        lattice_matrix(np.array(parameters, dtype=float))


@pytest.mark.parametrize("system", FREE_PARAMETERS)
def test_constraints_keep_exactly_the_free_parameters(system):
    generic = np.array([4.0, 5.0, 6.0, 80.0, 100.0, 110.0])
    obeyed = constrain(generic, system)
    np.testing.assert_array_equal(constrain(obeyed, system), obeyed)
    free = np.array(free_lattice_parameters(system))
    changed = constrain(obeyed + free * 0.25, system) - obeyed
    assert (changed[free] != 0).all()
    assert len({round(float(x), 9) for x in obeyed[:3]}) == free[:3].sum()
    assert not changed[3:][~free[3:]].any()


@pytest.mark.parametrize("number", range(1, 231))
def test_the_primitive_cell_holds_one_lattice_point(number):
    group = space_group(number)
    vectors = primitive_vectors(group)
    assert np.linalg.det(vectors) == pytest.approx(1 / group.n_centring)
    is_centring = (group.rotations == np.eye(3, dtype=int)).all(axis=(1, 2))
    lattice_points = [*group.translations[is_centring], *np.eye(3)]
    counts = np.array(lattice_points) @ np.linalg.inv(vectors)
    np.testing.assert_allclose(counts, np.rint(counts), atol=1e-9)
