import numpy as np
import pytest
import torch

from crystalgen.model.batch import Geometry
from crystalgen.model.cell import lattice_parameters
from crystalgen.model.collate import collate
from crystalgen.model.decoder import (
    cell_log_likelihood,
    coords_log_likelihood,
    most_likely,
)
from crystalgen.model.embedding import N_SPECIES
from crystalgen.symmetry.lattice import constrain
from crystalgen.symmetry.wyckoff import crystal_system, space_group


@pytest.fixture(scope="module")
def batch(examples):
    return collate(examples, np.arange(14))


@pytest.fixture(scope="module")
def prediction(autoencoder, batch):
    source = torch.Generator().manual_seed(0)
    n_crystals, n_orbits = batch.templates.position.shape
    n_roles = batch.species.shape[1]
    species = torch.randn(n_crystals, n_roles, N_SPECIES, generator=source)
    with torch.inference_mode():
        return autoencoder.generative.geometry_decoder(
            batch.templates,
            species.softmax(dim=-1),
            3 * torch.randn(n_crystals, n_orbits, 16, generator=source),
            3 * torch.randn(n_crystals, 16, generator=source),
            autoencoder.generative.statistics.centres(batch.templates),
        )


def test_no_role_is_ever_the_padding_element(autoencoder, batch):
    generative = autoencoder.generative
    codes = torch.randn(14, batch.species.shape[1], 16)
    logits = generative.species_decoder(batch.templates, codes)
    assert logits.softmax(dim=-1)[..., 0].max() < 1e-9


def test_any_prediction_is_a_cell_of_the_right_crystal_system(batch, prediction):
    n_atoms = torch.ones(14).double()
    cells = lattice_parameters(prediction.cell_location.double(), n_atoms)
    assert cells.isfinite().all()
    for cell, number in zip(cells, batch.templates.space_group.tolist(), strict=True):
        obeyed = constrain(cell.numpy(), crystal_system(number))
        np.testing.assert_allclose(cell, obeyed, rtol=1e-5)


def test_the_origin_along_polar_axes_is_not_predicted(autoencoder, batch):
    free = autoencoder.generative.geometry_decoder.free_coords(batch.templates)
    for row, number in enumerate(batch.templates.space_group.tolist()):
        group = space_group(number)
        letters = batch.templates.position[row] - _first(autoencoder, number)
        for orbit in range(int(batch.templates.present[row].sum())):
            expected = np.array(group.positions[int(letters[orbit])].free)
            if orbit == 0:
                expected &= ~np.array(group.polar_axes)
            assert free[row, orbit].tolist() == expected.tolist()
    assert not free[~batch.templates.present].any()


def _first(autoencoder, number):
    return autoencoder.generative.prototype_prior.first_position[number]


def test_the_most_likely_geometry_is_the_one_with_the_highest_likelihood(
    autoencoder, batch, prediction
):
    decoder = autoencoder.generative.geometry_decoder
    free = decoder.free_coords(batch.templates)
    cell_free = decoder.cell_free[batch.templates.space_group]
    best = most_likely(prediction, free)
    assert not best.coords[~free].any()
    assert ((best.coords >= 0) & (best.coords < 1)).all()
    source = torch.Generator().manual_seed(1)
    for _ in range(20):
        shift = 0.1 * torch.randn(best.cell.shape, generator=source)
        other = Geometry(coords=best.coords, cell=best.cell + shift)
        assert (
            cell_log_likelihood(prediction, other.cell, cell_free)
            <= cell_log_likelihood(prediction, best.cell, cell_free)
        ).all()


def test_fixed_coordinates_and_features_have_no_likelihood(
    autoencoder, batch, prediction
):
    decoder = autoencoder.generative.geometry_decoder
    free = decoder.free_coords(batch.templates)
    cell_free = decoder.cell_free[batch.templates.space_group]
    coords, cell = batch.geometry.coords, batch.geometry.cell
    moved = torch.where(free, coords, coords + 0.3)
    torch.testing.assert_close(
        coords_log_likelihood(prediction, moved, free),
        coords_log_likelihood(prediction, coords, free),
    )
    stretched = torch.where(cell_free, cell, cell + 0.3)
    torch.testing.assert_close(
        cell_log_likelihood(prediction, stretched, cell_free),
        cell_log_likelihood(prediction, cell, cell_free),
    )
    rock_salt = coords_log_likelihood(prediction, coords, free)[0]
    assert rock_salt == 0.0


def test_the_additive_volume_is_the_mean_over_the_atoms(autoencoder, batch):
    decoder = autoencoder.generative.geometry_decoder
    species = batch.species.gather(1, batch.templates.role)
    identity = torch.nn.functional.one_hot(species, N_SPECIES).float()
    volumes = decoder.log_volume.exp().detach() * torch.linspace(1, 2, N_SPECIES)
    with torch.inference_mode():
        kept = decoder.log_volume.detach().clone()
        decoder.log_volume.copy_(volumes.log())
        mean = decoder.additive_volume(batch.templates, identity)
        decoder.log_volume.copy_(kept)
    # rutile, TiO2: two Ti and four O in the conventional cell
    expected = (2 * volumes[22] + 4 * volumes[8]) / 6
    torch.testing.assert_close(mean[8], expected)
