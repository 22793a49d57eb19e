"""What relaxing keeps, with random relaxers: groups, positions, hopeless cells."""

from copy import deepcopy

import numpy as np
import pytest
import torch

from crystalgen.generation.decoding import assemble, to_arrays
from crystalgen.generation.relaxation import MAX_GROWTH, relax
from crystalgen.model.cell import lattice_vectors
from crystalgen.model.collate import collate
from crystalgen.model.relaxer import Relaxer
from crystalgen.representation.conversion import expand
from crystalgen.representation.prototype import Prototype, roles_of
from crystalgen.symmetry.detection import space_group_number


@pytest.fixture(scope="module")
def batch(examples):
    return collate(examples, np.arange(len(examples)))


@pytest.fixture(scope="module")
def start(autoencoder, batch):
    return to_arrays(autoencoder.generative, batch.templates, batch.geometry)


def with_relaxer(autoencoder, *, seed=0, strength=0.3):
    """A copy of the networks with a random relaxer."""
    networks = deepcopy(autoencoder.generative)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        relaxer = Relaxer(8, 2)
        for parameter in relaxer.strength[-1].parameters():
            torch.nn.init.normal_(parameter, std=strength)
    networks.relaxer = relaxer.eval()
    return networks


def relaxed(networks, batch, start):
    with torch.no_grad():
        return relax(networks, batch.templates, batch.species, *start)


def test_without_a_relaxer_nothing_changes(autoencoder, batch, start):
    networks = deepcopy(autoencoder.generative)
    networks.relaxer = None
    coords, parameters, _ = relaxed(networks, batch, start)
    assert coords is start[0]
    assert parameters is start[1]


@pytest.mark.parametrize("seed", range(3))
def test_groups_and_positions_are_kept(autoencoder, batch, start, crystals, seed):
    networks = with_relaxer(autoencoder, seed=seed, strength=0.05)
    coords, parameters, _ = relaxed(networks, batch, start)
    assert np.abs(parameters - start[1]).max() > 1e-3
    assert np.abs(coords - start[0]).max() > 1e-4
    assert ((coords >= 0) & (coords < 1)).all()
    for row, before in enumerate(crystals):
        roles = roles_of(before.species)
        prototype = Prototype(
            space_group=before.space_group, wyckoff=before.wyckoff, roles=roles
        )
        after = assemble(
            prototype, batch.species[row].tolist(), coords[row], parameters[row]
        )
        np.testing.assert_allclose(after.lattice_parameters, parameters[row], rtol=1e-9)
        cell = expand(after)
        found = space_group_number(
            cell.lattice, cell.frac_coords, cell.numbers, symprec=1e-4
        )
        assert found == before.space_group


def test_a_crystal_does_not_depend_on_the_others(autoencoder, batch, start):
    networks = with_relaxer(autoencoder)
    together = relaxed(networks, batch, start)
    rows = torch.tensor([12])
    with torch.no_grad():
        alone = relax(
            networks,
            batch.templates.rows(rows),
            batch.species[rows],
            start[0][12:13],
            start[1][12:13],
        )
    for one, two in zip(alone, together, strict=True):
        np.testing.assert_allclose(one[0], two[12], atol=1e-5)


@pytest.mark.parametrize("strength", [1.0, 10.0, 100.0])
def test_no_crystal_is_blown_up_or_crushed(autoencoder, batch, start, strength):
    networks = with_relaxer(autoencoder, strength=strength)
    before = lattice_vectors(torch.from_numpy(start[1])).det()
    parameters = torch.from_numpy(relaxed(networks, batch, start)[1])
    change = (lattice_vectors(parameters).det() / before).log().abs()
    assert change.max() <= MAX_GROWTH + 1e-6


def test_cells_that_are_no_crystals_are_left_alone(autoencoder, batch, start):
    networks = with_relaxer(autoencoder)
    coords, parameters = (each.copy() for each in start)
    parameters[7, :3] *= 0.3
    parameters[13] = (4.0, 4.0, 4.0, 60.0, 60.0, 119.999)
    after = relaxed(networks, batch, (coords, parameters))
    for row in (7, 13):
        np.testing.assert_array_equal(after[0][row], coords[row])
        np.testing.assert_array_equal(after[1][row], parameters[row])
    assert (after[1][0] != parameters[0]).any()


def test_unrest_is_the_last_step_and_infinite_where_there_is_none(
    autoencoder, batch, start
):
    still = with_relaxer(autoencoder, strength=0.0)
    assert (relaxed(still, batch, start).unrest == 0).all()
    assert (relaxed(with_relaxer(autoencoder), batch, start).unrest > 0).all()
    flat = start[1] * np.array([1, 1, 1e-3, 1, 1, 1])
    assert (relaxed(still, batch, (start[0], flat)).unrest == np.inf).all()
