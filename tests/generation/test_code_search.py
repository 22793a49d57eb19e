from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, strategies as st

from crystalgen.generation.code_search import (
    NEAR,
    CodeOdds,
    GeometryCodes,
    Sought,
    distances,
    nearest_codes,
)
from crystalgen.generation.decoding import decode_geometry
from crystalgen.generation.encoding import decode, encode, padded, templates_of
from crystalgen.generation.relaxation import STRAIN_LENGTH


def flat(crystals):
    """Coordinates and cells of crystals, padded."""
    longest = max(crystal.n_orbits for crystal in crystals)
    coords = np.zeros((len(crystals), longest, 3))
    for row, crystal in enumerate(crystals):
        coords[row, : crystal.n_orbits] = crystal.free_coords
    return coords, np.array([crystal.lattice_parameters for crystal in crystals])


def off_by(crystals, made):
    return distances(crystals, *flat(made))


def test_a_crystal_is_no_distance_from_itself(crystals):
    np.testing.assert_allclose(off_by(crystals, crystals), 0, atol=1e-6)


def test_whole_turns_of_coordinates_are_no_distance(crystals):
    coords, cells = flat(crystals)
    np.testing.assert_allclose(distances(crystals, coords + 3, cells), 0, atol=1e-6)


@given(st.floats(0.95, 1.05))
def test_a_stretched_cell_is_as_far_as_its_strain(crystals, factor):
    coords, cells = flat(crystals)
    larger = cells * np.array([factor] * 3 + [1.0] * 3)
    expected = STRAIN_LENGTH * np.sqrt(3) * abs(factor - 1)
    found = distances(crystals, coords, larger)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_moving_one_of_two_atoms_moves_both_by_half_the_way(crystals):
    """Rutile's oxygen at (x, x, 0): four of six atoms, moved by 0.01 a √2 each."""
    rutile = crystals[8]
    moved = rutile.free_coords.copy()
    moved[1, 0] += 0.01
    (found,) = off_by([rutile], [replace(rutile, free_coords=moved)])
    step = 0.01 * rutile.lattice_parameters[0] * np.sqrt(2)
    assert found == pytest.approx(np.sqrt(4 / 6) * step, rel=1e-3)


def species_of(crystals, templates):
    species = torch.zeros(len(crystals), int(templates.role.max()) + 1).long()
    for row, crystal in enumerate(crystals):
        for role, number in zip(
            templates.role[row].tolist(), crystal.species, strict=False
        ):
            species[row, role] = number
    return species


def spelt_by(weights, crystals, codes):
    """What codes spell, with the elements of the crystals instead of theirs."""
    _, templates = templates_of(weights, crystals)
    with torch.inference_mode():
        return decode_geometry(
            weights.networks,
            templates,
            species_of(crystals, templates),
            padded([each.orbits for each in codes]),
            torch.tensor([each.crystal for each in codes]),
        )


def test_a_search_never_ends_farther_from_a_crystal(weights, crystals):
    errors = []
    for n in (0, 1, 3):
        found = spelt_by(weights, crystals, encode(weights, crystals, rounds=n))
        errors.append(distances(crystals, found.coords, found.parameters))
    assert (errors[1] <= errors[0] + 1e-5).all()
    assert (errors[2] <= errors[1] + 1e-5).all()
    assert (errors[2] < errors[0] - 1e-3).any()


def test_a_crystal_that_codes_spell_already_keeps_them(weights, crystals):
    first = encode(weights, crystals, rounds=0)
    spelt = decode(weights, crystals, first)
    # what the codes spell, given to the search with these codes
    _, templates = templates_of(weights, spelt)
    species = species_of(spelt, templates)
    n_codes, n_entries = weights.config.geometry_codes
    n_orbits = templates.position.shape[1]
    orbits = torch.zeros(len(spelt), n_orbits, n_codes, dtype=torch.long)
    for row, each in enumerate(first):
        orbits[row, : len(each.orbits)] = torch.tensor(each.orbits)
    codes = GeometryCodes(orbits, torch.tensor([each.crystal for each in first]))
    odds = CodeOdds(
        torch.zeros(*orbits.shape, n_entries),
        torch.zeros(*codes.crystals.shape, n_entries),
    )
    sought = Sought(crystals=spelt, templates=templates, species=species)
    with torch.inference_mode():
        found = nearest_codes(weights, sought, odds, codes, rounds=2)
    (lost,) = np.nonzero(off_by(spelt, decode(weights, spelt, first)) > NEAR)
    kept = [row for row in range(len(spelt)) if row not in set(lost.tolist())]
    assert len(kept) > len(spelt) / 2
    assert torch.equal(found.orbits[kept], codes.orbits[kept])
    assert torch.equal(found.crystals[kept], codes.crystals[kept])


def test_no_rounds_take_the_most_probable_codes(weights, crystals):
    again = encode(weights, crystals, rounds=0)
    assert again == encode(weights, crystals, rounds=0)
    assert [each.roles for each in again] == [
        each.roles for each in encode(weights, crystals)
    ]
