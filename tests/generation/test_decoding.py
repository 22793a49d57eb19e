import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from torch.nn.functional import one_hot

from crystalgen.generation.decoding import NO_CODE, draw_geometry
from crystalgen.generation.noise import Purpose, row_noise
from crystalgen.generation.request import Request
from crystalgen.generation.templates import TemplateSource
from crystalgen.model.draws import draw_codes, draw_species
from crystalgen.model.embedding import N_SPECIES
from crystalgen.model.prior import coded_first
from crystalgen.symmetry.lattice import constrain
from crystalgen.symmetry.wyckoff import crystal_system

ROWS = 24


@pytest.fixture(scope="module", autouse=True)
def inference():
    with torch.inference_mode():
        yield


@pytest.fixture(scope="module")
def templates(weights):
    source = TemplateSource(weights=weights, request=Request())
    return source.draw(0, np.arange(ROWS)).templates


def noise(shape, seed=0):
    return row_noise(seed, np.arange(ROWS), shape, attempt=0, purpose=Purpose.SPECIES)


def species_of(weights, templates, *, seed=0, temperature=1.0):
    n_roles = int(templates.role.max()) + 1
    return draw_species(
        weights.networks,
        templates,
        noise((n_roles, *weights.config.species_codes), seed),
        noise((n_roles, N_SPECIES), seed + 1),
        temperature=temperature,
    )


def geometry_of(weights, templates, *, seed=0, is_coded=None):
    n_tokens = 1 + templates.position.shape[1]
    return draw_geometry(
        weights.networks,
        templates,
        species_of(weights, templates).species,
        noise((n_tokens, *weights.config.geometry_codes), seed),
        temperature=1.0,
        is_coded=torch.ones(ROWS, dtype=torch.bool) if is_coded is None else is_coded,
    )


def test_the_most_likely_geometry_has_no_codes_and_no_noise(weights, templates):
    is_coded = torch.arange(ROWS) % 3 == 0
    mixed = geometry_of(weights, templates, seed=0, is_coded=is_coded)
    other = geometry_of(weights, templates, seed=9, is_coded=is_coded)
    whole = geometry_of(weights, templates, seed=0)
    open_ = (~is_coded).numpy()
    assert (mixed.crystal_codes[~is_coded] == NO_CODE).all()
    assert (mixed.orbit_codes[~is_coded] == NO_CODE).all()
    assert not mixed.log_prob[~is_coded].any()
    np.testing.assert_array_equal(
        mixed.lattice_parameters[open_], other.lattice_parameters[open_]
    )
    assert torch.equal(mixed.crystal_codes[is_coded], whole.crystal_codes[is_coded])
    np.testing.assert_allclose(
        mixed.lattice_parameters[~open_], whole.lattice_parameters[~open_], rtol=1e-4
    )


@settings(max_examples=10)
@given(seed=st.integers(0, 99))
def test_codes_have_the_log_probability_that_training_gives_them(
    weights, templates, seed
):
    prior = weights.networks.species_prior
    n_roles = int(templates.role.max()) + 1
    present = templates.role_present(n_roles)
    context = prior.context(templates, n_roles)
    codes, log_prob = draw_codes(
        prior.codes,
        context,
        present,
        noise((n_roles, *weights.config.species_codes), seed),
        temperature=1.0,
    )
    hot = one_hot(codes, prior.codes.n_entries).float()
    trained = (prior.codes(context, hot) * hot).sum(dim=(2, 3))
    expected = (trained * present).sum(dim=1)
    torch.testing.assert_close(log_prob, expected, atol=1e-4, rtol=1e-4)


def test_codes_are_drawn_as_often_as_their_probability_says(weights):
    prior = weights.networks.species_prior.codes
    n = 4000
    source = row_noise(0, np.arange(n), (1, 2, 8), attempt=0, purpose=Purpose.SPECIES)
    context = torch.ones(1, 1, 24).expand(n, -1, -1)
    present = torch.ones(n, 1, dtype=torch.bool)
    codes, log_prob = draw_codes(prior, context, present, source, temperature=1.0)
    index = codes[:, 0, 0] * 8 + codes[:, 0, 1]
    counts = torch.bincount(index, minlength=64)
    probability = torch.zeros(64).scatter(0, index, log_prob.exp())
    assert probability.sum() > 0.99
    expected = n * probability
    assert ((counts - expected).abs() < 5 * expected.sqrt() + 1).all()


@settings(max_examples=10)
@given(seed=st.integers(0, 99), temperature=st.sampled_from([0.1, 1.0, 10.0]))
def test_a_crystal_has_a_different_known_element_on_each_role(
    weights, templates, seed, temperature
):
    drawn = species_of(weights, templates, seed=seed, temperature=temperature)
    n_roles = drawn.species.shape[1]
    seen = weights.networks.statistics.species_count > 0
    for row, present in zip(
        drawn.species, templates.role_present(n_roles), strict=True
    ):
        elements = row[present].tolist()
        assert len(set(elements)) == len(elements)
        assert seen[elements].all()
        assert not row[~present].any()
    assert (drawn.log_prob < 0).all()


def test_padding_changes_no_species(weights, templates):
    together = species_of(weights, templates)
    n_roles = together.species.shape[1]
    code_noise = noise((n_roles, *weights.config.species_codes), 0)
    species_noise = noise((n_roles, N_SPECIES), 1)
    for row in range(0, ROWS, 5):
        one = type(templates)(
            space_group=templates.space_group[row : row + 1],
            position=templates.position[
                row : row + 1, : int(templates.present[row].sum())
            ],
            role=templates.role[row : row + 1, : int(templates.present[row].sum())],
            prototype=templates.prototype[row : row + 1],
            centre=templates.centre[row : row + 1],
        )
        n_own = int(one.role.max()) + 1
        alone = draw_species(
            weights.networks,
            one,
            code_noise[row : row + 1, :n_own],
            species_noise[row : row + 1, :n_own],
            temperature=1.0,
        )
        assert torch.equal(alone.species[0], together.species[row, :n_own])
        assert torch.equal(alone.codes[0], together.codes[row, :n_own])
        torch.testing.assert_close(
            alone.log_prob[0], together.log_prob[row], atol=1e-4, rtol=1e-4
        )


def test_drawn_geometry_obeys_the_group(weights, templates):
    drawn = geometry_of(weights, templates)
    free = weights.networks.geometry_decoder.free_coords(templates).numpy()
    assert not drawn.coords[~free].any()
    assert ((drawn.coords >= 0) & (drawn.coords < 1)).all()
    for cell, group in zip(
        drawn.lattice_parameters, templates.space_group.tolist(), strict=True
    ):
        assert (cell[:3] > 0).all()
        np.testing.assert_allclose(
            cell, constrain(cell, crystal_system(group)), rtol=1e-5
        )


def test_orbits_without_freedom_have_no_codes(weights, templates):
    drawn = geometry_of(weights, templates)
    coded = weights.networks.coded_orbits(templates)
    assert not drawn.orbit_codes[~coded].any()
    assert drawn.orbit_codes[coded].any()
    assert drawn.crystal_codes.shape == (ROWS, weights.config.geometry_codes[0])
    assert (drawn.log_prob < 0).all()


def test_geometry_codes_have_the_log_probability_that_training_gives_them(
    weights, templates
):
    networks = weights.networks
    species = species_of(weights, templates).species
    drawn = geometry_of(weights, templates)
    order, coded = coded_first(networks.coded_orbits(templates))
    context = networks.geometry_prior.context(
        templates, one_hot(species, N_SPECIES).float(), order
    )
    rows = torch.arange(ROWS)[:, None]
    codes = torch.cat(
        [drawn.crystal_codes[:, None], drawn.orbit_codes[rows, order]], dim=1
    )
    hot = one_hot(codes, networks.orbit_codes.n_entries).float()
    trained = (networks.geometry_prior.codes(context, hot) * hot).sum(dim=(2, 3))
    filled = torch.nn.functional.pad(coded, (1, 0), value=True)
    expected = (trained * filled).sum(dim=1)
    torch.testing.assert_close(drawn.log_prob, expected, atol=1e-4, rtol=1e-4)


def test_other_noise_gives_other_crystals(weights, templates):
    one, two = (geometry_of(weights, templates, seed=seed) for seed in (0, 1))
    assert not torch.equal(one.crystal_codes, two.crystal_codes)
    first, second = (species_of(weights, templates, seed=seed) for seed in (0, 5))
    assert not torch.equal(first.species, second.species)
