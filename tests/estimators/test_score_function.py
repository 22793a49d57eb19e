import pytest
import torch
from hypothesis import given, settings, strategies as st

from crystalgen.estimators.score_function import leave_one_out

groups = st.integers(1, 4)
draws = st.integers(1, 5)


def rewards(n_groups, n_draws, seed):
    source = torch.Generator().manual_seed(seed)
    reward = torch.rand(n_groups, n_draws, generator=source)
    counted = torch.rand(n_groups, n_draws, generator=source) < 0.7
    return reward, counted


@given(n_groups=groups, n_draws=draws, seed=st.integers(0, 99))
def test_the_advantages_of_a_group_cancel(n_groups, n_draws, seed):
    reward, counted = rewards(n_groups, n_draws, seed)
    total = leave_one_out(reward, counted).sum(dim=1)
    torch.testing.assert_close(total, torch.zeros(n_groups), atol=1e-5, rtol=0)


@given(n_groups=groups, n_draws=draws, seed=st.integers(0, 99))
def test_draws_that_are_not_counted_are_left_alone(n_groups, n_draws, seed):
    reward, counted = rewards(n_groups, n_draws, seed)
    changed = torch.where(counted, reward, reward + 5)
    advantage = leave_one_out(changed, counted)
    assert not advantage[~counted].any()
    assert torch.equal(advantage, leave_one_out(reward, counted))


def test_a_draw_without_others_has_no_advantage():
    reward, counted = torch.ones(3, 1), torch.ones(3, 1, dtype=torch.bool)
    assert not leave_one_out(reward, counted).any()


@settings(max_examples=5)
@given(seed=st.integers(0, 99))
def test_the_estimate_is_the_gradient_of_the_expected_reward(seed):
    """Against the exact gradient of a categorical distribution, all draws counted."""
    source = torch.Generator().manual_seed(seed)
    logits = torch.randn(4, generator=source, dtype=torch.double)
    reward = torch.rand(4, generator=source, dtype=torch.double)
    probability = logits.softmax(dim=0)
    exact = probability * (reward - (probability * reward).sum())
    n_groups, n_draws = 60_000, 4
    drawn = torch.multinomial(
        probability, n_groups * n_draws, replacement=True, generator=source
    )
    counted = torch.ones(n_groups, n_draws, dtype=torch.bool)
    advantage = leave_one_out(reward[drawn].view(n_groups, n_draws), counted).flatten()
    score = torch.nn.functional.one_hot(drawn, 4) - probability
    estimate = (advantage[:, None] * score).mean(dim=0)
    assert estimate.numpy() == pytest.approx(exact.numpy(), abs=5e-3)
