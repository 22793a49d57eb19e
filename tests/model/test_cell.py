import math

import numpy as np
import torch
from hypothesis import assume, given, strategies as st
from pymatgen.core import Lattice

from crystalgen.model.cell import (
    lattice_features,
    lattice_parameters,
    lattice_vectors,
    vector_parameters,
)
from crystalgen.symmetry.lattice import constrain, lattice_matrix

SYSTEMS = (
    "triclinic",
    "monoclinic",
    "orthorhombic",
    "tetragonal",
    "trigonal",
    "hexagonal",
    "cubic",
)


@st.composite
def cells(draw):
    """Parameters of a cell of some crystal system that is not nearly flat."""
    lengths = [draw(st.floats(1.5, 60)) for _ in range(3)]
    angles = [draw(st.floats(35, 145)) for _ in range(3)]
    system = draw(st.sampled_from(SYSTEMS))
    parameters = constrain(np.array([*lengths, *angles]), system)
    cosines = np.cos(np.radians(parameters[3:]))
    assume(1 - (cosines**2).sum() + 2 * cosines.prod() > 0.01)
    return parameters


@given(parameters=cells(), n_atoms=st.integers(1, 200))
def test_features_and_parameters_are_inverse_to_each_other(parameters, n_atoms):
    cell, count = torch.from_numpy(parameters)[None], torch.tensor([n_atoms]).double()
    back = lattice_parameters(lattice_features(cell, count), count)
    torch.testing.assert_close(back, cell, rtol=1e-8, atol=1e-8)


@given(parameters=cells(), n_atoms=st.integers(1, 200))
def test_the_first_feature_is_the_volume_per_atom(parameters, n_atoms):
    cell, count = torch.from_numpy(parameters)[None], torch.tensor([n_atoms]).double()
    per_atom = lattice_features(cell, count)[0, 0].exp().item()
    volume = Lattice.from_parameters(*parameters).volume
    assert math.isclose(per_atom * n_atoms, volume, rel_tol=1e-8)


@given(parameters=cells(), factor=st.floats(0.5, 2))
def test_scaling_a_cell_changes_its_volume_only(parameters, factor):
    count = torch.ones(1).double()
    cell = torch.from_numpy(parameters)[None]
    scaled = cell * torch.tensor([factor] * 3 + [1.0] * 3, dtype=torch.float64)
    change = lattice_features(scaled, count) - lattice_features(cell, count)
    expected = torch.zeros(1, 6, dtype=torch.float64)
    expected[0, 0] = 3 * math.log(factor)
    torch.testing.assert_close(change, expected, atol=1e-9, rtol=0)


def test_angles_that_no_cell_can_have_still_give_finite_numbers():
    features = torch.tensor(
        [[3.0, 0, 0, -0.9, -0.9, -0.9], [3.0, 0, 0, 1.0, 1.0, -1.0]]
    )
    assert lattice_parameters(features, torch.ones(2)).isfinite().all()


@given(parameters=cells())
def test_vectors_are_those_of_the_symmetry_layer(parameters):
    (vectors,) = lattice_vectors(torch.from_numpy(parameters)[None])
    np.testing.assert_allclose(vectors, lattice_matrix(parameters), atol=1e-9)


@given(parameters=cells(), seed=st.integers(0, 99))
def test_parameters_do_not_depend_on_the_orientation(parameters, seed):
    generator = torch.Generator().manual_seed(seed)
    random = torch.randn(3, 3, generator=generator, dtype=torch.float64)
    rotation = torch.linalg.qr(random).Q
    vectors = lattice_vectors(torch.from_numpy(parameters)[None]) @ rotation
    np.testing.assert_allclose(vector_parameters(vectors)[0], parameters, atol=1e-6)
