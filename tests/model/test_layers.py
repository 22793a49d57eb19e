import pytest
import torch
from hypothesis import given, settings, strategies as st
from torch import nn

from crystalgen.model.layers import CausalTransformer, Transformer, mlp


def random_tokens(n_tokens, seed=0, width=16):
    source = torch.Generator().manual_seed(seed)
    return torch.randn(3, n_tokens, width, generator=source)


@pytest.fixture(scope="module")
def causal():
    torch.manual_seed(0)
    return CausalTransformer(16, 4, 2).eval()


@pytest.fixture(scope="module")
def bidirectional():
    torch.manual_seed(0)
    return Transformer(16, 4, 2).eval()


@settings(max_examples=20)
@given(n_tokens=st.integers(1, 9), seed=st.integers(0, 99))
def test_reading_token_by_token_equals_reading_at_once(causal, n_tokens, seed):
    tokens = random_tokens(n_tokens, seed)
    whole, past = causal(tokens), None
    for place in range(n_tokens):
        hidden, past = causal.step(tokens[:, place], past)
        torch.testing.assert_close(hidden, whole[:, place], atol=1e-5, rtol=1e-4)


@settings(max_examples=20)
@given(changed=st.integers(1, 7))
def test_a_token_knows_nothing_of_those_after_it(causal, changed):
    tokens = random_tokens(8)
    other = tokens.clone()
    other[:, changed:] = random_tokens(8, seed=1)[:, changed:]
    assert torch.equal(causal(tokens)[:, :changed], causal(other)[:, :changed])
    assert not torch.allclose(causal(tokens)[:, changed], causal(other)[:, changed])


@settings(max_examples=20)
@given(n_padding=st.integers(1, 6))
def test_padding_changes_nothing(bidirectional, n_padding):
    tokens = random_tokens(4)
    padded = torch.cat([tokens, 100 * random_tokens(n_padding, seed=1)], dim=1)
    present = torch.arange(4 + n_padding).expand(3, -1) < 4
    alone = bidirectional(tokens, present[:, :4])
    together = bidirectional(padded, present)[:, :4]
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-4)


@settings(max_examples=20)
@given(counts=st.lists(st.integers(1, 7), min_size=3, max_size=3))
def test_leaving_padding_out_changes_nothing_but_rounding(counts):
    torch.manual_seed(1)
    transformer = Transformer(16, 4, 2, dropout=0.0)
    tokens = random_tokens(max(counts))
    present = torch.arange(max(counts)) < torch.tensor(counts)[:, None]
    trained, read = (
        transformer.train()(tokens, present),
        transformer.eval()(tokens, present),
    )
    torch.testing.assert_close(read[present], trained[present], atol=1e-5, rtol=1e-4)
    assert not read[~present].any()


def test_gradients_pass_through_what_was_packed(bidirectional):
    tokens = random_tokens(4).requires_grad_()
    present = torch.arange(4) < torch.tensor([4, 2, 3])[:, None]
    bidirectional(tokens, present).square().sum().backward()
    assert tokens.grad is not None
    assert tokens.grad[present].abs().sum(dim=1).all()
    assert not tokens.grad[~present].any()


def test_permuting_the_tokens_permutes_what_is_read(bidirectional):
    tokens, order = random_tokens(5), torch.tensor([3, 0, 4, 1, 2])
    present = torch.ones(3, 5, dtype=torch.bool)
    torch.testing.assert_close(
        bidirectional(tokens[:, order], present),
        bidirectional(tokens, present)[:, order],
        atol=1e-5,
        rtol=1e-4,
    )


def test_mlp_has_a_linear_layer_between_all_widths_and_ends_in_one():
    layers = mlp(3, 5, 7, 2)
    linear = [each for each in layers if isinstance(each, nn.Linear)]
    sizes = [(each.in_features, each.out_features) for each in linear]
    assert sizes == [(3, 5), (5, 7), (7, 2)]
    assert len(layers) == 5
