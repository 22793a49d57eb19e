import numpy as np
import pytest
from hypothesis import given, strategies as st

from crystalgen.errors import TrainingError
from crystalgen.training.batches import batch_plan

sizes_of_crystals = st.lists(st.integers(1, 20), min_size=4, max_size=120).map(np.array)
ranks = st.integers(1, 4)
budgets = st.integers(1, 100)


def plans(n_orbits, budget, world_size, *, epoch=0, seed=0):
    return [
        batch_plan(
            n_orbits,
            orbits_per_batch=budget,
            epoch=epoch,
            seed=seed,
            rank=rank,
            world_size=world_size,
        )
        for rank in range(world_size)
    ]


@given(n_orbits=sizes_of_crystals, budget=budgets, world_size=ranks)
def test_each_crystal_is_seen_exactly_once_by_all_ranks_together(
    n_orbits, budget, world_size
):
    shares = plans(n_orbits, budget, world_size)

    seen = np.concatenate([batch for plan in shares for batch in plan])
    assert np.array_equal(np.sort(seen), np.arange(len(n_orbits)))


@given(n_orbits=sizes_of_crystals, budget=budgets, world_size=ranks)
def test_every_rank_gets_as_many_batches_of_like_size(n_orbits, budget, world_size):
    shares = plans(n_orbits, budget, world_size)

    assert len({len(plan) for plan in shares}) == 1
    for batches in zip(*shares, strict=True):
        n_crystals = [len(batch) for batch in batches]
        assert min(n_crystals) >= 1
        assert max(n_crystals) - min(n_crystals) <= 1


@given(n_orbits=sizes_of_crystals, budget=budgets)
def test_padded_batches_keep_to_the_budget(n_orbits, budget):
    for batch in plans(n_orbits, budget, 1)[0]:
        assert len(batch) == 1 or len(batch) * n_orbits[batch].max() <= budget


@given(n_orbits=sizes_of_crystals, budget=budgets, world_size=ranks)
def test_every_epoch_has_as_many_batches(n_orbits, budget, world_size):
    counts = {
        len(plans(n_orbits, budget, world_size, epoch=epoch)[0]) for epoch in range(4)
    }
    assert len(counts) == 1


@given(n_orbits=sizes_of_crystals, epoch=st.integers(0, 99), seed=st.integers(0, 99))
def test_the_plan_depends_on_nothing_but_its_arguments(n_orbits, epoch, seed):
    first, second = (
        plans(n_orbits, 40, 1, epoch=epoch, seed=seed)[0] for _ in range(2)
    )
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def test_epochs_and_seeds_shuffle_differently():
    n_orbits = np.full(100, 4)
    orders = {
        tuple(np.concatenate(plans(n_orbits, 40, 1, epoch=epoch, seed=seed)[0]))
        for epoch, seed in ((0, 0), (1, 0), (0, 1))
    }
    assert len(orders) == 3


def test_fewer_crystals_than_processes_cannot_be_shared():
    with pytest.raises(TrainingError, match="2 crystals cannot be shared by 3 proc"):
        plans(np.array([1, 2]), 10, 3)
