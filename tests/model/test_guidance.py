from functools import partial

import pytest
import torch
from hypothesis import given, settings, strategies as st

from crystalgen.estimators.gumbel_softmax import gumbel_noise
from crystalgen.model.draws import draw_codes
from crystalgen.model.guidance import (
    Guidance,
    GuidedCodes,
    PrototypeReader,
    code_reader,
)
from crystalgen.model.prior import CodeSequence
from crystalgen.model.prototype_prior import PrototypePrior

N_CODES, N_ENTRIES, WIDTH = 2, 6, 16
weights = st.floats(0.1, 4.0)


@pytest.fixture(scope="module")
def codes(tiny_config):
    torch.manual_seed(0)
    return CodeSequence(tiny_config, (N_CODES, N_ENTRIES), WIDTH).eval()


@pytest.fixture(scope="module")
def contexts():
    """Context of tokens, with and without conditions."""
    source = torch.Generator().manual_seed(1)
    free, told = torch.randn(2, 5, 3, WIDTH, generator=source)
    return lambda conditions: free if conditions is None else told


def told(weight, n=5):
    return Guidance(conditions=torch.zeros(n, 1), weight=weight)


@torch.no_grad()
def drawn(codes, contexts, guidance):
    reader, context = code_reader(codes, contexts, guidance)
    noise = gumbel_noise(
        (5, 3, N_CODES, N_ENTRIES), generator=torch.Generator().manual_seed(2)
    )
    present = torch.arange(3) < torch.tensor([3, 1, 2, 3, 2])[:, None]
    return draw_codes(reader, context, present, noise, temperature=1.0)


@settings(max_examples=15)
@given(weight=weights)
def test_logits_are_stretched_from_the_free_to_the_told_ones(codes, contexts, weight):
    guided = GuidedCodes(codes=codes, weight=weight)
    free, asked = contexts(None)[:, 0], contexts(0)[:, 0]
    written = torch.zeros(5, 1, dtype=torch.long)
    with torch.no_grad():
        hidden, _ = guided.start(torch.cat([free, asked], dim=-1))
        one, two = (
            codes.logits(codes.start(each)[0], written) for each in (free, asked)
        )
        torch.testing.assert_close(
            guided.logits(hidden, written), one + weight * (two - one)
        )


@settings(max_examples=15)
@given(weight=weights)
def test_conditions_that_change_nothing_change_no_draw(codes, contexts, weight):
    deaf = partial(lambda context, _: context, contexts(None))
    for one, two in zip(
        drawn(codes, contexts, None), drawn(codes, deaf, told(weight)), strict=True
    ):
        torch.testing.assert_close(one, two, rtol=1e-4, atol=1e-4)


def test_a_weight_of_one_reads_what_is_told_alone(codes, contexts):
    reader, context = code_reader(codes, contexts, told(1.0))
    assert reader is codes
    assert context is contexts(0)


def test_a_reader_is_told_the_same_by_two_passes_as_by_one(codes, contexts):
    one = drawn(codes, contexts, told(1.0))
    two = drawn(codes, contexts, told(1.0 + 1e-6))
    assert torch.equal(one[0], two[0])
    torch.testing.assert_close(one[1], two[1], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("weight", [1.0, 2.5])
def test_guided_letters_never_break_the_order_of_the_alphabet(tiny_config, weight):
    from dataclasses import replace

    torch.manual_seed(0)
    prior = PrototypePrior(replace(tiny_config, properties=("gap",))).eval()
    reader = PrototypeReader(prior=prior, guidance=told(weight, n=2))
    group, last = torch.tensor([225, 62]), torch.tensor([3, 2])
    with torch.no_grad():
        hidden, past = reader.start(group)
        hidden, _ = reader.step(torch.zeros(2, tiny_config.width), past)
        logits = reader.letter_logits(hidden, group, last)
        plain = PrototypeReader(prior=prior, guidance=None)
        first, past = plain.start(group)
        first, _ = plain.step(torch.zeros(2, tiny_config.width), past)
    free = prior.letter_logits(first, group, last)
    assert torch.equal(logits < -1e8, free < -1e8)
