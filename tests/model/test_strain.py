import numpy as np
import pytest
import torch
from hypothesis import given, strategies as st

from crystalgen.model.strain import allowed_strain
from crystalgen.symmetry.lattice import constrain, lattice_matrix
from crystalgen.symmetry.wyckoff import crystal_system, space_group


def any_strain(seed):
    matrix = torch.randn(3, 3, generator=torch.Generator().manual_seed(seed)).double()
    return 0.05 * (matrix + matrix.T)


def rotations(number):
    """Point group in the Cartesian frame of a cell, by the group's general position."""
    cell = constrain(
        np.array([4.0, 5.0, 6.0, 80.0, 95.0, 100.0]), crystal_system(number)
    )
    lattice = lattice_matrix(cell)
    maps = space_group(number).positions[-1].maps[:, :, :3]
    return np.unique(
        [np.linalg.inv(lattice.T).T @ each.T @ lattice for each in maps], axis=0
    )


@pytest.mark.parametrize("number", [1, 2, 5, 14, 25, 62, 75, 89, 129, 146, 156, 166])
@pytest.mark.parametrize("seed", [0, 1])
def test_it_is_the_mean_over_the_point_group(number, seed):
    strain = any_strain(seed)
    mean = np.mean([r.T @ strain.numpy() @ r for r in rotations(number)], axis=0)
    got = allowed_strain(torch.tensor([number]), strain[None])[0]
    np.testing.assert_allclose(got, mean, atol=1e-6)


@pytest.mark.parametrize("number", [168, 186, 194, 195, 216, 227, 230])
def test_it_is_so_in_hexagonal_and_cubic_groups(number):
    test_it_is_the_mean_over_the_point_group(number, 2)


@given(number=st.integers(1, 230), seed=st.integers(0, 9))
def test_what_is_allowed_stays(number, seed):
    group = torch.tensor([number])
    once = allowed_strain(group, any_strain(seed)[None])
    torch.testing.assert_close(allowed_strain(group, once), once)
