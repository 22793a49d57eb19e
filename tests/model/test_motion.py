import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st

from crystalgen.model.atoms import collate_atoms, lattices, list_atoms
from crystalgen.model.motion import change_between, shifted, stretched
from crystalgen.representation.crystal import free_parameters
from crystalgen.symmetry.lattice import constrain
from crystalgen.symmetry.wyckoff import crystal_system


def moved_apart(crystal, seed, double):
    """Atoms of a crystal, its geometry and another one nearby, of the same group."""
    rng = np.random.default_rng(seed)
    coords, cell = crystal.free_coords, crystal.lattice_parameters
    table = list_atoms(
        [(crystal.space_group, crystal.wyckoff, coords, cell)], radius=3.0
    )
    free = free_parameters(crystal.space_group)[list(crystal.wyckoff)]
    other = coords + rng.normal(0, 0.02, coords.shape) * free
    stretched_cell = cell * (1 + rng.normal(0, 0.02, 6))
    other_cell = constrain(stretched_cell, crystal_system(crystal.space_group))
    geometries = (coords, cell[None], other, other_cell[None])
    atoms = double(collate_atoms(table, np.array([0])))
    return atoms, *(torch.from_numpy(np.array(each)) for each in geometries)


@settings(max_examples=40)
@given(number=st.integers(1, 230), seed=st.integers(0, 9))
def test_the_change_between_two_geometries_leads_from_one_to_the_other(
    random_crystal, double_precision, number, seed
):
    crystal = random_crystal(number, seed)
    atoms, coords, cell, other, other_cell = moved_apart(
        crystal, seed, double_precision
    )
    lattice = lattices(atoms, cell)
    change = change_between(atoms, coords, cell, other, other_cell)
    after = stretched(atoms, lattice, change.strain)
    torch.testing.assert_close(after, other_cell, rtol=1e-4, atol=1e-3)
    # the origin along polar axes aside, atoms arrive where they should
    arrived = shifted(atoms, coords, lattice, change.shift)
    rest = change_between(atoms, arrived, cell, other, cell)
    assert rest.shift.abs().max() < 1e-4


@settings(max_examples=40)
@given(number=st.integers(1, 230), seed=st.integers(0, 9))
def test_a_shift_is_gone_as_far_as_the_orbit_can_go(
    random_crystal, double_precision, number, seed
):
    crystal = random_crystal(number, seed)
    atoms, coords, cell, *_ = moved_apart(crystal, seed, double_precision)
    lattice = lattices(atoms, cell)
    shift = torch.from_numpy(np.random.default_rng(seed).normal(0, 0.1, coords.shape))
    moved = shifted(atoms, coords, lattice, shift) - coords
    # least squares, by singular values
    directions = atoms.maps[atoms.representative].mT @ lattice[0]
    nearest = torch.einsum("oi,oij->oj", shift, torch.linalg.pinv(directions))
    torch.testing.assert_close(moved, nearest, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("number", [4, 75, 99, 146, 186])
def test_a_shift_of_the_whole_crystal_is_no_change(
    random_crystal, double_precision, number
):
    crystal = random_crystal(number, 1)
    atoms, coords, cell, _, _ = moved_apart(crystal, 1, double_precision)
    axis = {4: 1, 75: 2, 99: 2, 146: 2, 186: 2}[number]
    along = coords.clone()
    along[:, axis] += 0.1
    change = change_between(atoms, coords, cell, along, cell)
    assert change.shift.abs().max() < 1e-5
