import numpy as np
import pytest
import torch

from crystalgen.model.autoencoder import CrystalAutoencoder
from crystalgen.model.collate import collate
from crystalgen.training import balance as module
from crystalgen.training.balance import balance


@pytest.fixture
def networks(autoencoder, tiny_config):
    with torch.random.fork_rng():
        torch.manual_seed(5)
        model = CrystalAutoencoder(tiny_config, autoencoder.generative.statistics)
    return model.generative.train()


@pytest.fixture(scope="module")
def templates(examples):
    return collate(examples, np.arange(14)).templates


def test_only_the_prior_of_species_learns_from_it(networks, templates, monkeypatch):
    monkeypatch.setattr(module, "SHARE", 1.0)  # few templates, draws of which agree
    drawn = balance(networks, templates, torch.Generator().manual_seed(0))
    drawn.loss.backward()
    moved = {
        name.split(".")[0]
        for name, parameter in networks.named_parameters()
        if parameter.grad is not None and parameter.grad.any()
    }
    assert moved == {"species_prior"}


@pytest.mark.parametrize(("n", "n_chosen"), [(1, 1), (4, 2), (10, 3), (14, 5)])
def test_small_batches_are_drawn_for_as_large_ones_are(
    networks, templates, monkeypatch, n, n_chosen
):
    asked = []
    monkeypatch.setattr(module, "is_neutral", lambda *_: not asked.append(1))
    some = templates.rows(torch.arange(n))
    balance(networks, some, torch.Generator().manual_seed(0))
    assert len(asked) == n_chosen * module.N_DRAWS


def test_networks_are_in_training_mode_before_and_after(networks, templates):
    balance(networks, templates, torch.Generator().manual_seed(0))
    assert all(each.training for each in networks.modules())


def test_the_same_noise_gives_the_same_loss(networks, templates):
    for each in networks.modules():
        if isinstance(each, torch.nn.Dropout):
            each.p = 0.0  # it has noise of its own
    one, two = (
        balance(networks, templates, torch.Generator().manual_seed(3)) for _ in range(2)
    )
    assert torch.equal(one.loss, two.loss)
    assert torch.equal(one.share, two.share)


def test_where_all_balances_nothing_is_learnt(networks, templates, monkeypatch):
    monkeypatch.setattr(module, "is_neutral", lambda *_: True)
    drawn = balance(networks, templates, torch.Generator().manual_seed(0))
    assert float(drawn.share) == 1.0
    assert not drawn.loss.any()


def test_metals_alone_are_neither_sought_nor_avoided(networks, templates, monkeypatch):
    monkeypatch.setattr(module, "are_metals", lambda *_: True)
    drawn = balance(networks, templates, torch.Generator().manual_seed(0))
    assert not drawn.loss.any()


def test_draws_that_balance_become_more_likely(networks, templates, monkeypatch):
    """The rule stands for any: here a first element of even number is wanted."""
    monkeypatch.setattr(module, "is_neutral", lambda species, _: species[0] % 2 == 0)
    monkeypatch.setattr(module, "are_metals", lambda *_: False)
    with torch.no_grad():  # untrained, the decoder hardly reads the codes
        networks.species_decoder.logits[-1].weight.mul_(50)
    optimizer = torch.optim.Adam(networks.species_prior.parameters(), lr=3e-3)
    source = torch.Generator().manual_seed(0)
    shares = []
    for _ in range(60):
        drawn = balance(networks, templates, source)
        optimizer.zero_grad()
        drawn.loss.backward()
        optimizer.step()
        shares.append(float(drawn.share))
    missed = 1 - np.array(shares)
    assert missed[-10:].mean() < 0.6 * missed[:10].mean()
