import numpy as np
import pytest
import torch

from crystalgen.model.autoencoder import Relaxations
from crystalgen.model.collate import collate
from crystalgen.model.decoder import cell_log_likelihood, coords_log_likelihood
from crystalgen.model.noise import draw_noise, no_noise

WHOLE = np.arange(14)


def geometry_loss(autoencoder, batch, outcome):
    decoder, templates = autoencoder.generative.geometry_decoder, batch.templates
    coords = coords_log_likelihood(
        outcome.geometry, batch.geometry.coords, decoder.free_coords(templates)
    )
    cell = cell_log_likelihood(
        outcome.geometry, batch.geometry.cell, decoder.cell_free[templates.space_group]
    )
    return -(coords + cell).mean()


def noisy_pass(autoencoder, batch, *, detach_species=False):
    noise = draw_noise(
        autoencoder.generative.config, batch, torch.Generator().manual_seed(0)
    )
    relaxations = Relaxations(
        code_temperature=1.0, species_temperature=1.0, detach_species=detach_species
    )
    return autoencoder(batch, noise, relaxations)


def quiet_pass(autoencoder, batch):
    noise = no_noise(autoencoder.generative.config, batch)
    return autoencoder(
        batch, noise, Relaxations(code_temperature=0.5, species_temperature=0.5)
    )


def largest_gradients(loss, wanted):
    gradients = torch.autograd.grad(loss, wanted, retain_graph=True, allow_unused=True)
    return [0.0 if each is None else each.abs().max().item() for each in gradients]


@pytest.fixture(scope="module")
def batch(examples):
    return collate(examples, WHOLE)


@pytest.mark.parametrize("detach_species", [False, True])
def test_the_geometry_reaches_the_species_through_the_relaxed_draw_only(
    autoencoder, batch, detach_species
):
    outcome = noisy_pass(autoencoder, batch, detach_species=detach_species)
    loss = geometry_loss(autoencoder, batch, outcome)
    generative = autoencoder.generative
    gradients = largest_gradients(
        loss,
        [
            outcome.species_logits,
            outcome.species_posterior.sample,
            generative.species_codes.entries,
            *generative.species_codes.project.parameters(),
            generative.species_decoder.transformer.blocks[0].output.weight,
            generative.species_decoder.logits[-1].weight,
        ],
    )
    assert all((gradient == 0.0) == detach_species for gradient in gradients)


def test_the_geometry_reaches_the_encoder_through_its_species_codes(autoencoder, batch):
    encoder = list(autoencoder.encoder.messages.parameters())
    outcome = noisy_pass(autoencoder, batch)
    loss = geometry_loss(autoencoder, batch, outcome)
    (by_samples,) = torch.autograd.grad(
        loss, outcome.species_posterior.sample, retain_graph=True
    )
    through = torch.autograd.grad(
        outcome.species_posterior.sample,
        encoder,
        grad_outputs=by_samples,
        allow_unused=True,
    )
    assert max(0 if g is None else g.abs().max() for g in through) > 0


@pytest.mark.parametrize("level", ["species", "orbit", "crystal"])
def test_a_code_drawn_straight_through_carries_gradients_to_the_encoder(
    autoencoder, batch, level
):
    outcome = noisy_pass(autoencoder, batch, detach_species=True)
    posterior = getattr(outcome, f"{level}_posterior")
    assert ((posterior.sample - posterior.sample.round()).abs() < 1e-6).all()
    loss = (
        torch.nn.functional.cross_entropy(
            outcome.species_logits.flatten(0, 1), batch.species.flatten()
        )
        if level == "species"
        else geometry_loss(autoencoder, batch, outcome)
    )
    (by_sample,) = torch.autograd.grad(loss, posterior.sample, retain_graph=True)
    through = torch.autograd.grad(
        posterior.sample,
        list(autoencoder.encoder.transformer.parameters()),
        grad_outputs=by_sample,
        allow_unused=True,
    )
    assert max(0 if g is None else g.abs().max() for g in through) > 0


def test_the_priors_send_no_gradient_into_the_drawn_codes(autoencoder, batch):
    outcome = noisy_pass(autoencoder, batch)
    loss = outcome.species_prior.sum() + outcome.geometry_prior.sum()
    samples = [
        outcome.species_posterior.sample,
        outcome.orbit_posterior.sample,
        outcome.crystal_posterior.sample,
    ]
    assert largest_gradients(loss, samples) == [0.0, 0.0, 0.0]


@pytest.fixture(scope="module")
def together(autoencoder, batch):
    with torch.inference_mode():
        return quiet_pass(autoencoder, batch)


@pytest.mark.parametrize("index", [0, 3, 5, 7, 9, 12])
def test_a_crystal_alone_is_read_as_in_a_batch_with_larger_ones(
    autoencoder, examples, together, index
):
    with torch.inference_mode():
        alone = quiet_pass(autoencoder, collate(examples, WHOLE[index : index + 1]))
    n_roles, n_orbits = alone.species_logits.shape[1], alone.geometry.coords_location
    n_orbits, n_coded = n_orbits.shape[1], alone.coded.shape[1]
    pairs = [
        (alone.species_logits[0], together.species_logits[index, :n_roles]),
        (
            alone.species_posterior.log_probabilities[0],
            together.species_posterior.log_probabilities[index, :n_roles],
        ),
        (
            alone.orbit_posterior.log_probabilities[0],
            together.orbit_posterior.log_probabilities[index, :n_orbits],
        ),
        (
            alone.crystal_posterior.log_probabilities[0],
            together.crystal_posterior.log_probabilities[index],
        ),
        (alone.species_prior[0], together.species_prior[index, :n_roles]),
        (alone.geometry_prior[0], together.geometry_prior[index, : 1 + n_coded]),
        (alone.template_log_likelihood[0], together.template_log_likelihood[index]),
        (alone.geometry.cell_location[0], together.geometry.cell_location[index]),
        (alone.geometry.cell_scale[0], together.geometry.cell_scale[index]),
        *(
            (one[0], other[index, :n_orbits])
            for one, other in zip(
                alone.geometry[2:], together.geometry[2:], strict=True
            )
        ),
    ]
    for one, other in pairs:
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)
    assert together.coded[index].sum() == alone.coded.sum()


def test_crystals_without_freedom_need_no_orbit_codes(autoencoder, examples):
    rock_salts = collate(examples, np.arange(3))
    outcome = noisy_pass(autoencoder, rock_salts)
    assert outcome.coded.shape == (3, 0)
    assert outcome.geometry_prior.shape[1] == 1
    assert geometry_loss(autoencoder, rock_salts, outcome).isfinite()


def test_the_codes_of_orbits_without_freedom_change_nothing(autoencoder, batch):
    generative, templates = autoencoder.generative, batch.templates
    outcome = noisy_pass(autoencoder, batch)
    coded = generative.coded_orbits(templates)
    samples = outcome.orbit_posterior.sample
    other = torch.where(coded[..., None, None], samples, samples.roll(1, dims=-1))
    species = outcome.species_logits.softmax(dim=-1)
    whole = outcome.crystal_posterior.sample
    everywhere = torch.ones(len(whole), dtype=torch.bool)
    one, two = (
        generative.decode_geometry(templates, species, codes, whole, everywhere)
        for codes in (samples, other)
    )
    assert not torch.equal(samples, other)
    assert all(torch.equal(a, b) for a, b in zip(one, two, strict=True))


def test_hidden_codes_change_nothing_and_shown_ones_do(autoencoder, batch):
    generative, templates = autoencoder.generative, batch.templates
    outcome = noisy_pass(autoencoder, batch)
    species = outcome.species_logits.softmax(dim=-1)
    orbits, whole = outcome.orbit_posterior.sample, outcome.crystal_posterior.sample
    other = (orbits.roll(1, dims=-1), whole.roll(1, dims=-1))
    is_coded = torch.arange(len(whole)) % 2 == 0
    one, two = (
        generative.decode_geometry(templates, species, *codes, is_coded)
        for codes in ((orbits, whole), other)
    )
    for a, b in zip(one, two, strict=True):
        assert torch.equal(a[~is_coded], b[~is_coded])
    assert not torch.equal(one.cell_location[is_coded], two.cell_location[is_coded])


def test_generation_needs_no_encoder(autoencoder):
    names = {name.split(".")[0] for name, _ in autoencoder.named_parameters()}
    assert names == {"encoder", "generative"}
    modules = autoencoder.generative.modules()
    assert not any("torch_geometric" in type(each).__module__ for each in modules)


def test_noise_has_a_value_for_every_draw_and_repeats_with_its_seed(autoencoder, batch):
    config = autoencoder.generative.config
    one, two, other = (
        draw_noise(
            config,
            batch,
            torch.Generator().manual_seed(seed),
            hidden_share=0.5,
            n_more=2,
        )
        for seed in (1, 1, 2)
    )
    zeros = no_noise(config, batch)
    assert zeros.is_coded.all()
    assert len(zeros.more_species) == 0
    zeros = zeros._replace(
        is_coded=~zeros.is_coded, more_species=torch.zeros(2, *zeros.species.shape)
    )
    for a, b, c, zero in zip(one, two, other, zeros, strict=True):
        assert torch.equal(a, b)
        assert not torch.equal(a, c)
        assert a.shape == zero.shape
        assert not zero.any()


def test_more_noise_leaves_the_other_noise_as_it_is(autoencoder, batch):
    config = autoencoder.generative.config
    few, more = (
        draw_noise(config, batch, torch.Generator().manual_seed(1), n_more=n_more)
        for n_more in (0, 3)
    )
    assert few.more_species.shape == (0, *few.species.shape)
    assert more.more_species.shape == (3, *more.species.shape)
    for a, b in zip(few[:-1], more[:-1], strict=True):
        assert torch.equal(a, b)
