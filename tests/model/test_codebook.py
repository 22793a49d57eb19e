import pytest
import torch
from hypothesis import given, settings, strategies as st
from torch.nn.functional import one_hot

from crystalgen.model.codebook import Codebooks


@pytest.fixture(scope="module")
def codebooks():
    torch.manual_seed(0)
    return Codebooks((3, 7), 5, 16)


def tokens(seed, *shape):
    return torch.randn(*shape, 16, generator=torch.Generator().manual_seed(seed))


@settings(max_examples=20)
@given(seed=st.integers(0, 99))
def test_logits_are_scaled_squared_distances_to_the_entries(codebooks, seed):
    hidden = tokens(seed, 4, 2)
    latent = codebooks.project(hidden).unflatten(-1, (3, 5))
    distance = (latent[..., None, :] - codebooks.entries).norm(dim=-1)
    expected = -distance.square() * codebooks.log_precision.exp()
    torch.testing.assert_close(codebooks.logits(hidden), expected, atol=1e-4, rtol=1e-4)


@settings(max_examples=20)
@given(seed=st.integers(0, 99))
def test_without_noise_the_nearest_entry_is_drawn(codebooks, seed):
    hidden = tokens(seed, 4, 2)
    latent = codebooks.project(hidden).unflatten(-1, (3, 5))
    nearest = (latent[..., None, :] - codebooks.entries).norm(dim=-1).argmin(dim=-1)
    posterior = codebooks.posterior(hidden, torch.zeros(4, 2, 3, 7), temperature=0.5)
    assert torch.equal(posterior.sample.argmax(dim=-1), nearest)
    assert torch.equal(posterior.log_probabilities.argmax(dim=-1), nearest)


def test_posterior_probabilities_sum_to_one_and_samples_are_one_hot(codebooks):
    noise = torch.randn(4, 3, 7, generator=torch.Generator().manual_seed(1))
    posterior = codebooks.posterior(tokens(0, 4), noise, temperature=0.5)
    sums = posterior.log_probabilities.exp().sum(dim=-1)
    torch.testing.assert_close(sums, torch.ones(4, 3))
    torch.testing.assert_close(
        posterior.sample, one_hot(posterior.sample.argmax(dim=-1), 7).float()
    )


@settings(max_examples=20)
@given(codes=st.lists(st.tuples(*[st.integers(0, 6)] * 3), min_size=1, max_size=4))
def test_drawn_codes_read_like_their_one_hot_rows(codebooks, codes):
    indices = torch.tensor(codes)
    torch.testing.assert_close(
        codebooks.embed_indices(indices), codebooks.embed(one_hot(indices, 7).float())
    )


def test_gradients_pass_through_a_draw_to_tokens_and_entries(codebooks):
    hidden = tokens(0, 4).requires_grad_()
    noise = torch.randn(4, 3, 7, generator=torch.Generator().manual_seed(1))
    posterior = codebooks.posterior(hidden, noise, temperature=1.0)
    loss = codebooks.embed(posterior.sample).square().sum()
    for gradient in torch.autograd.grad(loss, [hidden, codebooks.entries]):
        assert gradient.isfinite().all()
        assert gradient.abs().max() > 0
