"""Geometries from random coordinates."""

from copy import deepcopy

import numpy as np
import pytest
import torch
from hypothesis import given, strategies as st
from pymatgen.core import Lattice, Structure

from crystalgen.generation.decoding import NO_CODE, decode_geometry
from crystalgen.generation.noise import Purpose, row_noise, row_uniform
from crystalgen.generation.scattering import (
    NOISE_SHAPE,
    _room,
    _roomiest,
    scatter_geometry,
)
from crystalgen.model.collate import collate
from crystalgen.model.relaxer import Relaxer
from crystalgen.representation.frame import frame_of
from crystalgen.symmetry.lattice import constrain, lattice_matrix
from crystalgen.symmetry.wyckoff import crystal_system

LIMITS = np.full((119, 119), 2.0)


@pytest.fixture(scope="module")
def batch(examples):
    return collate(examples, np.arange(len(examples)))


@pytest.fixture(scope="module")
def networks(autoencoder):
    """With a relaxer that moves nothing."""
    found = deepcopy(autoencoder.generative)
    found.relaxer = Relaxer(8, 1).eval()
    return found


def noise_of(batch, rows, *, attempt=1):
    return row_uniform(
        0,
        rows,
        (1 + batch.templates.position.shape[1], *NOISE_SHAPE),
        attempt=attempt,
        purpose=Purpose.GEOMETRY,
    )


def scattered(networks, batch, *, attempt=1):
    noise = noise_of(batch, np.arange(len(batch.species)), attempt=attempt)
    with torch.no_grad():
        return scatter_geometry(networks, batch.templates, batch.species, noise, LIMITS)


def test_only_free_coordinates_differ_from_the_likely_ones(networks, batch):
    n_crystals, n_orbits = batch.templates.position.shape
    shape = (n_crystals, n_orbits, networks.config.geometry_codes[0])
    codes = torch.full(shape, NO_CODE)
    with torch.no_grad():
        likely = decode_geometry(
            networks, batch.templates, batch.species, codes, codes[:, 0]
        )
    found = scattered(networks, batch)
    free = networks.geometry_decoder.free_coords(batch.templates).numpy() > 0
    np.testing.assert_allclose(found.coords[~free], likely.coords[~free], atol=1e-9)
    assert np.abs(found.coords[free] - likely.coords[free]).max() > 0.1
    assert (found.crystal_codes == NO_CODE).all()
    assert (found.orbit_codes == NO_CODE).all()


def test_cells_vary_within_their_crystal_systems(networks, batch):
    found = scattered(networks, batch).lattice_parameters
    other = scattered(networks, batch, attempt=3).lattice_parameters
    for group, each in zip(batch.templates.space_group.tolist(), found, strict=True):
        expected = constrain(each, crystal_system(group))
        np.testing.assert_allclose(each, expected, rtol=1e-9)
    assert (abs(found / other - 1).max(axis=1) > 1e-3).any()


def test_every_attempt_starts_elsewhere_and_can_be_repeated(networks, batch):
    one, again = scattered(networks, batch), scattered(networks, batch)
    other = scattered(networks, batch, attempt=3)
    np.testing.assert_array_equal(one.coords, again.coords)
    assert (one.coords != other.coords).any()


def test_a_crystal_does_not_depend_on_the_others(networks, batch):
    together = scattered(networks, batch)
    rows = torch.tensor([12])
    alone_batch = batch.templates.rows(rows)
    noise = row_uniform(
        0,
        np.array([12]),
        (1 + int(alone_batch.present.sum()), *NOISE_SHAPE),
        attempt=1,
        purpose=Purpose.GEOMETRY,
    )
    count = int(alone_batch.present.sum())
    with torch.no_grad():
        alone = scatter_geometry(
            networks, alone_batch, batch.species[rows], noise, LIMITS
        )
    np.testing.assert_allclose(
        alone.coords[0, :count], together.coords[12, :count], atol=1e-5
    )


@given(st.integers(0, 1000))
def test_room_is_the_shortest_distance_that_pymatgen_finds(seed):
    rng = np.random.default_rng(seed)
    parameters = np.array([*rng.uniform(4, 7, 3), 90, rng.uniform(80, 100), 90])
    starts = rng.random((3, 2, 3))
    frame = frame_of(14, (4, 4))  # P2_1/c, the general position twice
    lattice = lattice_matrix(parameters)
    elements = np.array([11, 17])
    room = _room(frame, starts, lattice, elements, LIMITS)
    for start, found in zip(starts, room, strict=True):
        places = (frame.maps @ start[frame.orbit][..., None])[..., 0] + frame.shifts
        structure = Structure(
            Lattice(lattice),
            ["NaCl"[2 * o : 2 * o + 2] for o in frame.orbit],
            places,
        )
        distances = structure.distance_matrix + 99 * np.eye(len(structure))
        shortest = min(distances.min(), *structure.lattice.abc)
        assert found == pytest.approx(shortest / 2.0, rel=1e-6)
    best = _roomiest(frame, starts, lattice, elements, LIMITS)
    with_room = np.flatnonzero(room >= 1)
    chosen = with_room[0] if len(with_room) else room.argmax()
    np.testing.assert_array_equal(best, starts[chosen])


def test_uniform_noise_is_uniform_and_apart_from_other_noise():
    draws = np.arange(200)
    uniform = row_uniform(3, draws, (5, 4), attempt=0, purpose=Purpose.GEOMETRY)
    assert ((uniform >= 0) & (uniform < 1)).all()
    assert abs(uniform.mean() - 0.5) < 0.02
    longer = row_uniform(3, draws, (9, 4), attempt=0, purpose=Purpose.GEOMETRY)
    np.testing.assert_array_equal(longer[:, :5], uniform)
    gumbel = row_noise(3, draws, (5, 4), attempt=0, purpose=Purpose.GEOMETRY).numpy()
    assert abs(np.corrcoef(uniform.ravel(), gumbel.ravel())[0, 1]) < 0.06
