"""The relaxer's loss: what it starts from, what it asks for, what it teaches."""

from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch

from crystalgen.model.collate import collate, label_examples
from crystalgen.model.relaxer import Relaxer
from crystalgen.training.denoising import ALONE, ALONG, denoising
from crystalgen.training.objective import AutoencoderProblem, ObjectiveConfig


@pytest.fixture(scope="module")
def examples(tables, autoencoder):
    vocabulary = autoencoder.generative.statistics.vocabulary
    crystals, graphs = tables
    return label_examples(crystals, graphs, vocabulary, with_atoms=True)


@pytest.fixture(scope="module")
def batch(examples):
    return collate(examples, np.arange(len(examples)))


def loss_of(relaxer, batch, decoded=None, *, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return denoising(relaxer, batch.atoms, batch, decoded, generator)


def test_an_untrained_relaxer_leaves_what_there_was(batch):
    found = loss_of(Relaxer(8, 1), batch)
    assert found.shift_before > 0.01
    torch.testing.assert_close(found.shift_error, found.shift_before)


def test_crystals_decoded_as_they_are_need_no_change(batch):
    # a half of them; noise has moved the others
    noisy = loss_of(Relaxer(8, 1), batch)
    half = loss_of(Relaxer(8, 1), batch, batch.geometry)
    assert half.loss < 0.8 * noisy.loss


def test_what_the_decoder_takes_for_another_structure_is_not_learnt(batch):
    far = replace(batch.geometry, cell=batch.geometry.cell + 1.0)
    noisy, taken = (loss_of(Relaxer(8, 1), batch, each) for each in (None, far))
    torch.testing.assert_close(taken.loss, noisy.loss)


def test_coordinates_are_compared_across_the_cell(batch):
    free = batch.geometry.coords != 0
    wrapped = replace(batch.geometry, coords=batch.geometry.coords + 1.0 * free)
    one, two = (
        loss_of(Relaxer(8, 1), batch, each) for each in (batch.geometry, wrapped)
    )
    torch.testing.assert_close(one.loss, two.loss, rtol=1e-3, atol=1e-5)


def test_it_learns_to_undo_noise(batch):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        relaxer = Relaxer(16, 2)
    optimizer = torch.optim.Adam(relaxer.parameters(), lr=1e-2)
    for step in range(200):
        optimizer.zero_grad()
        loss_of(relaxer, batch, seed=step).loss.backward()
        optimizer.step()
    with torch.no_grad():
        trained = [loss_of(relaxer, batch, seed=seed) for seed in range(1000, 1010)]
        naive = [loss_of(Relaxer(16, 2), batch, seed=s) for s in range(1000, 1010)]
    assert sum(each.loss for each in trained) < 0.8 * sum(each.loss for each in naive)
    assert sum(t.shift_error for t in trained) < 0.8 * sum(n.shift_error for n in naive)


def test_its_loss_reaches_every_weight_of_it_and_no_other(examples, autoencoder):
    autoencoder = deepcopy(autoencoder).requires_grad_()
    problem = AutoencoderProblem(
        examples=examples,
        config=ObjectiveConfig(
            relaxation_weight=1e6, balance_weight=0.0, property_weight=0.0
        ),
    )
    none = replace(problem, config=replace(problem.config, relaxation_weight=0.0))
    batch = problem.collate(np.arange(6), torch.device("cpu"))
    autoencoder.train()
    named = dict(autoencoder.named_parameters())

    def gradients(which):
        generator = torch.Generator().manual_seed(0)
        with torch.random.fork_rng():
            torch.manual_seed(0)
            loss = which.loss_of(autoencoder, batch, progress=0.5, generator=generator)
        found = torch.autograd.grad(loss.total, list(named.values()), allow_unused=True)
        return dict(zip(named, found, strict=True))

    with_it, without = gradients(problem), gradients(none)
    for name, gradient in with_it.items():
        if ".relaxer." not in name:
            assert gradient is None or torch.equal(gradient, without[name])
        elif ".strength.3." in name:  # the others are 0 before the first step
            assert gradient.abs().max() > 0


def test_a_relaxer_that_moves_nothing_learns_from_where_it_was(batch):
    still = Relaxer(8, 1)  # moves nothing before it is trained
    one, two = (
        denoising(
            still,
            batch.atoms,
            batch,
            None,
            torch.Generator().manual_seed(0),
            ALONG._replace(moved_share=share),
        )
        for share in (0.0, 1.0)
    )
    torch.testing.assert_close(one.loss, two.loss, rtol=1e-3, atol=1e-5)


def test_crystals_that_the_relaxer_moved_come_from_elsewhere(batch):
    relaxer = Relaxer(8, 1)
    for parameter in relaxer.strength[-1].parameters():
        torch.nn.init.normal_(parameter, std=3.0)
    generators = [torch.Generator().manual_seed(0) for _ in range(2)]
    one, two = (
        denoising(relaxer, batch.atoms, batch, None, generator, lesson)
        for generator, lesson in zip(
            generators, (ALONE._replace(moved_share=0.0), ALONE), strict=True
        )
    )
    assert two.loss.isfinite()
    assert one.shift_before != two.shift_before
