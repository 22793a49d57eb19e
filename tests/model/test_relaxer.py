"""Laws of the relaxer with random weights; no trained ones are needed for them."""

import numpy as np
import pytest
import torch

from crystalgen.model.atoms import collate_atoms, lattices, list_atoms, pair_vectors
from crystalgen.model.bundles import CUTOFF
from crystalgen.model.motion import change_between, shifted, stretched
from crystalgen.model.relaxer import Relaxer
from crystalgen.representation.crystal import free_parameters
from crystalgen.symmetry.lattice import constrain
from crystalgen.symmetry.wyckoff import crystal_system


@pytest.fixture(scope="module")
def relaxer():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = Relaxer(16, 3).double().eval()
        for parameter in network.strength[-1].parameters():
            torch.nn.init.normal_(parameter)
    return network.requires_grad_(requires_grad=False)


def prepared(crystals, *, radius=CUTOFF):
    """Atoms, species, coordinates and cells of crystals."""
    sites = [
        (
            each.space_group,
            each.wyckoff,
            each.free_coords,
            each.lattice_parameters,
        )
        for each in crystals
    ]
    atoms = collate_atoms(list_atoms(sites, radius=radius), np.arange(len(sites)))
    return (
        atoms,
        torch.tensor([z for each in crystals for z in each.species]),
        torch.from_numpy(np.concatenate([each.free_coords for each in crystals])),
        torch.from_numpy(np.array([each.lattice_parameters for each in crystals])),
    )


def predict(relaxer, crystals, double, *, radius=CUTOFF):
    atoms, species, coords, cells = prepared(crystals, radius=radius)
    atoms = double(atoms)
    vectors = pair_vectors(atoms, coords, lattices(atoms, cells))
    return atoms, relaxer(species, atoms, vectors)


def test_changes_turn_with_the_crystal(relaxer, crystals, double_precision):
    # no system but the triclinic one allows every frame
    crystals = [each for each in crystals if each.space_group == 1]
    atoms, species, coords, cells = prepared(crystals)
    atoms = double_precision(atoms)
    vectors = pair_vectors(atoms, coords, lattices(atoms, cells))
    rotation = torch.linalg.qr(
        torch.randn(3, 3, generator=torch.Generator().manual_seed(1)).double()
    ).Q
    before = relaxer(species, atoms, vectors)
    after = relaxer(species, atoms, vectors @ rotation)
    torch.testing.assert_close(after.shift, before.shift @ rotation)
    torch.testing.assert_close(after.strain, rotation.T @ before.strain @ rotation)


def test_shifts_have_the_symmetry_of_their_sites(
    relaxer, crystals, random_crystal, double_precision
):
    some = [random_crystal(number, seed=2) for number in (5, 36, 62, 152, 194, 216)]
    some += crystals
    atoms, change = predict(relaxer, some, double_precision)
    _, _, coords, cells = prepared(some)
    moved = shifted(atoms, coords, lattices(atoms, cells), change.shift)
    kept = change_between(atoms, coords, cells, moved, cells).shift
    whole = change.shift - kept  # of a polar crystal as a whole
    for row in range(len(some)):
        rows = atoms.crystal == row
        spread = whole[rows] - whole[rows].mean(dim=0)
        assert spread.abs().max() < 1e-5
    assert change.shift.abs().max() > 1e-3
    fixed = ~torch.from_numpy(
        np.concatenate(
            [free_parameters(c.space_group)[list(c.wyckoff)].any(1) for c in some]
        )
    )
    assert change.shift[fixed].abs().max() < 1e-5


def test_strains_have_the_symmetry_of_their_systems(
    relaxer, random_crystal, double_precision
):
    some = [random_crystal(number, seed=4) for number in (14, 62, 99, 166, 194, 225)]
    atoms, change = predict(relaxer, some, double_precision)
    cells = prepared(some)[3]
    after = stretched(atoms, lattices(atoms, cells), 0.1 * change.strain).numpy()
    assert np.abs(after - cells.numpy()).max() > 1e-3
    for crystal, got in zip(some, after, strict=True):
        allowed = constrain(got, crystal_system(crystal.space_group))
        np.testing.assert_allclose(got, allowed, atol=1e-4)


def test_atoms_beyond_the_cutoff_do_not_matter(relaxer, crystals, double_precision):
    _, near = predict(relaxer, crystals, double_precision)
    _, far = predict(relaxer, crystals, double_precision, radius=CUTOFF + 1.0)
    torch.testing.assert_close(far.shift, near.shift)
    torch.testing.assert_close(far.strain, near.strain)


def test_an_untrained_relaxer_changes_nothing(crystals, double_precision):
    _, change = predict(Relaxer(8, 2).double(), crystals, double_precision)
    assert not change.shift.any()
    assert not change.strain.any()
