"""Bundles hold the neighbours that plain sums over pairs would see, and no more."""

import math
from itertools import product

import numpy as np
import torch

from crystalgen.model.atoms import collate_atoms, lattices, list_atoms, pair_vectors
from crystalgen.model.bundles import BUNDLE, CUTOFF, as_matrix, as_vector, bundled
from crystalgen.representation.conversion import expand

RADIUS = CUTOFF + 0.7
"""Pairs are listed beyond the cut-off."""


def prepared(crystals):
    sites = [
        (c.space_group, c.wyckoff, c.free_coords, c.lattice_parameters)
        for c in crystals
    ]
    atoms = collate_atoms(list_atoms(sites, radius=RADIUS), np.arange(len(sites)))
    coords = np.concatenate([c.free_coords for c in crystals])
    cells = np.array([c.lattice_parameters for c in crystals])
    vectors = pair_vectors(
        atoms,
        torch.from_numpy(coords).float(),
        lattices(atoms, torch.from_numpy(cells).float()),
    )
    n_orbits = len(coords)
    return atoms, vectors, n_orbits, bundled(atoms, vectors, n_orbits)


def true_distances(crystal):
    """Distances of all neighbours of the representatives, by looking at all images."""
    cell = expand(crystal)
    images = np.array(list(product(range(-6, 7), repeat=3)))
    found = []
    for atom in cell.representative.tolist():
        apart = cell.frac_coords[:, None] + images - cell.frac_coords[atom]
        distance = np.linalg.norm(apart @ cell.lattice, axis=2)
        found.append(np.sort(distance[(distance > 0.1) & (distance < CUTOFF)]))
    return found


def test_slots_hold_all_neighbours_within_the_cut_off(crystals):
    some = [each for each in crystals if min(each.lattice_parameters[:3]) > 2.0]
    assert some
    _, _, _, pairs = prepared(some)
    is_full = pairs.direction.any(dim=1)
    orbit = pairs.orbit.repeat_interleave(BUNDLE)
    expected = [each for crystal in some for each in true_distances(crystal)]
    for number, distances in enumerate(expected):
        got = pairs.distance[is_full & (orbit == number)].squeeze(1).numpy()
        np.testing.assert_allclose(np.sort(got), distances, atol=1e-4)


def test_sums_are_those_over_pairs(crystals):
    atoms, vectors, n_orbits, pairs = prepared(crystals)
    distance = vectors.norm(dim=1)
    seen = (distance < CUTOFF) & (distance > 0.1)
    weight = 0.5 * (torch.cos(math.pi * distance / CUTOFF) + 1)
    direction = vectors / distance[:, None]
    expected = torch.zeros(n_orbits, 4).index_add(
        0,
        atoms.target[seen],
        torch.cat([weight[:, None] * direction, weight[:, None]], dim=1)[seen],
    )
    values = torch.cat([pairs.weight * pairs.direction, pairs.weight], dim=1)
    torch.testing.assert_close(
        pairs.summed(values, n_orbits), expected, atol=1e-4, rtol=1e-4
    )


def test_sources_are_the_orbits_of_the_neighbours(crystals):
    atoms, vectors, n_orbits, pairs = prepared(crystals)
    distance = vectors.norm(dim=1)
    seen = (distance < CUTOFF) & (distance > 0.1)
    source = atoms.orbit[atoms.neighbour]
    expected = torch.zeros(n_orbits, n_orbits, dtype=torch.long)
    one = torch.ones(int(seen.sum()), dtype=torch.long)
    expected.index_put_((atoms.target[seen], source[seen]), one, accumulate=True)
    is_full = pairs.direction.any(dim=1)
    orbit = pairs.orbit.repeat_interleave(BUNDLE)
    got = torch.zeros_like(expected)
    one = torch.ones(int(is_full.sum()), dtype=torch.long)
    got.index_put_((orbit[is_full], pairs.source[is_full]), one, accumulate=True)
    torch.testing.assert_close(got, expected)


def test_empty_slots_weigh_nothing(crystals):
    _, _, _, pairs = prepared(crystals)
    is_empty = ~pairs.direction.any(dim=1)
    assert is_empty.any()
    assert pairs.weight[is_empty].abs().max() < 1e-6
    assert not pairs.outer[is_empty].any()


def test_atoms_without_neighbours_have_no_bundle(crystals):
    atoms, vectors, n_orbits, _ = prepared(crystals[:1])
    pairs = bundled(atoms, 100 * vectors, n_orbits)
    assert len(pairs.orbit) == 0
    sums = pairs.summed(pairs.outer, n_orbits)
    torch.testing.assert_close(sums, torch.zeros(n_orbits, 6))


def test_products_of_vectors_are_those_of_tensors():
    one, other = torch.nn.functional.normalize(torch.randn(2, 5, 3), dim=2)
    tensors = [each[:, :, None] * each[:, None] for each in (one, other)]
    torch.testing.assert_close(as_matrix(as_vector(one)), tensors[0])
    torch.testing.assert_close(
        (as_vector(one) * as_vector(other)).sum(dim=1),
        (tensors[0] * tensors[1]).sum(dim=(1, 2)),
    )
