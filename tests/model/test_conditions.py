import torch
from hypothesis import given, settings, strategies as st

from crystalgen.model.conditions import (
    ConditionEmbedding,
    GroupPrior,
    hide_properties,
)
from crystalgen.model.tables import N_GROUPS

NAN = float("nan")


def trained(embedding):
    """The same embedding, as if it had learnt something."""
    with torch.no_grad():
        for number, parameter in enumerate(embedding.parameters()):
            noise = torch.randn(
                parameter.shape, generator=torch.Generator().manual_seed(number)
            )
            parameter.copy_(noise)
    return embedding


def test_conditions_say_nothing_before_training():
    values = torch.tensor([[0.3, NAN], [-2.0, 1.0]])
    assert not ConditionEmbedding(2, 8)(values).any()


def test_what_is_not_given_adds_nothing_and_the_rest_adds_up():
    embedding = trained(ConditionEmbedding(2, 8))
    both, one, other, none = embedding(
        torch.tensor([[0.3, -1.0], [0.3, NAN], [NAN, -1.0], [NAN, NAN]])
    )
    assert not none.any()
    assert one.any()
    torch.testing.assert_close(both, one + other)


@given(value=st.floats(-1e6, 1e6, allow_subnormal=False))
def test_every_value_is_read_as_something_finite(value):
    embedding = trained(ConditionEmbedding(1, 8))
    assert embedding(torch.tensor([[value]])).isfinite().all()


def test_a_hidden_label_leaves_no_trace_in_the_gradients():
    embedding = trained(ConditionEmbedding(1, 8))
    embedding(torch.tensor([[NAN], [0.5]])).sum().backward()
    gradients = [parameter.grad for parameter in embedding.parameters()]
    assert all(g is not None and g.isfinite().all() for g in gradients)


def test_groups_have_probabilities_under_any_condition():
    prior = GroupPrior(2, 8)
    trained(prior.given)
    log_prob = prior(torch.tensor([[0.3, -1.0], [NAN, NAN]]))
    assert log_prob.shape == (2, N_GROUPS + 1)
    torch.testing.assert_close(log_prob.exp().sum(dim=1), torch.ones(2))
    assert not torch.allclose(log_prob[0], log_prob[1])


def test_properties_are_hidden_as_often_as_asked():
    values = torch.ones(200_000, 2)
    values[::2, 1] = NAN
    shown = hide_properties(values, torch.Generator().manual_seed(0), hidden_share=0.4)
    given_share = (~shown.isnan()).float()
    assert abs(given_share[:, 0].mean() - 0.6 * 0.6) < 0.005
    assert abs(given_share[1::2, 1].mean() - 0.6 * 0.6) < 0.005
    assert not given_share[::2, 1].any()
    none = 1 - given_share[1::2].amax(dim=1).mean()
    assert abs(none - (0.4 + 0.6 * 0.4**2)) < 0.005


@settings(max_examples=10)
@given(seed=st.integers(0, 2**31))
def test_hiding_repeats_with_its_seed_and_never_invents(seed):
    values = torch.randn(30, 3, generator=torch.Generator().manual_seed(1))
    one, two = (
        hide_properties(values, torch.Generator().manual_seed(seed), hidden_share=0.2)
        for _ in range(2)
    )
    torch.testing.assert_close(one, two, equal_nan=True, rtol=0, atol=0)
    is_shown = ~one.isnan()
    assert torch.equal(one[is_shown], values[is_shown])
    all_hidden = hide_properties(
        values, torch.Generator().manual_seed(seed), hidden_share=1.0
    )
    assert all_hidden.isnan().all()
