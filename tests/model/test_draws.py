import pytest
import torch
from hypothesis import given, settings, strategies as st

from crystalgen.estimators.gumbel_softmax import gumbel_max, gumbel_noise
from crystalgen.model.draws import draw_codes
from crystalgen.model.prior import CodeSequence

N_CODES, N_ENTRIES, WIDTH = 2, 6, 16
lengths = st.lists(st.integers(0, 5), min_size=1, max_size=7).filter(any)


@pytest.fixture(scope="module")
def prior(tiny_config):
    torch.manual_seed(0)
    return CodeSequence(tiny_config, (N_CODES, N_ENTRIES), WIDTH).eval()


def batch(counts, seed):
    """Context, which tokens are there, and noise."""
    source = torch.Generator().manual_seed(seed)
    shape = (len(counts), max(counts))
    context = torch.randn(*shape, WIDTH, generator=source)
    present = torch.arange(max(counts)) < torch.tensor(counts)[:, None]
    noise = gumbel_noise((*shape, N_CODES, N_ENTRIES), generator=source)
    return context, present, noise


@torch.no_grad()
def read_at_once(prior, context, noise, temperature):
    """Codes of one crystal by the network of training, and their log-probability."""
    n_tokens = len(noise)
    codes = torch.zeros(n_tokens, N_CODES, dtype=torch.long)
    log_prob = torch.zeros(())
    for token in range(n_tokens):
        for code in range(N_CODES):
            hot = torch.nn.functional.one_hot(codes, N_ENTRIES).float()
            hot[token, code:] = 0
            hot[token + 1 :] = 0
            logits = prior(context[None], hot[None])[0, token, code]
            chosen = gumbel_max(logits, noise[token, code], temperature=temperature)
            codes[token, code] = chosen
            log_prob = log_prob + logits[chosen]
    return codes, log_prob


@settings(max_examples=25)
@given(counts=lengths, seed=st.integers(0, 99), temperature=st.sampled_from([0.5, 1.0]))
def test_each_crystal_is_drawn_as_if_it_were_alone(prior, counts, seed, temperature):
    context, present, noise = batch(counts, seed)
    with torch.inference_mode():
        codes, log_prob = draw_codes(
            prior, context, present, noise, temperature=temperature
        )
    for row, count in enumerate(counts):
        alone, expected = read_at_once(
            prior, context[row, :count], noise[row, :count], temperature
        )
        assert torch.equal(codes[row, :count], alone)
        assert not codes[row, count:].any()
        torch.testing.assert_close(log_prob[row], expected, atol=1e-4, rtol=1e-4)


@settings(max_examples=25)
@given(counts=lengths, seed=st.integers(0, 99), data=st.data())
def test_the_order_of_the_crystals_does_not_matter(prior, counts, seed, data):
    order = torch.tensor(data.draw(st.permutations(range(len(counts)))))
    inputs = batch(counts, seed)
    with torch.inference_mode():
        codes, log_prob = draw_codes(prior, *inputs, temperature=1.0)
        others, other_log_prob = draw_codes(
            prior, *(each[order] for each in inputs), temperature=1.0
        )
    assert torch.equal(others, codes[order])
    torch.testing.assert_close(other_log_prob, log_prob[order], atol=1e-5, rtol=1e-5)


def test_no_step_is_taken_for_crystals_that_are_finished(prior, monkeypatch):
    stepped = []
    step = type(prior).step

    def count(self, context, previous, past):
        stepped.append(len(context))
        return step(self, context, previous, past)

    monkeypatch.setattr(type(prior), "step", count)
    context, present, noise = batch([1, 4, 0, 2, 4], seed=0)
    with torch.inference_mode():
        draw_codes(prior, context, present, noise, temperature=1.0)
    assert stepped == [3, 2, 2]
