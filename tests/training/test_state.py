import pytest
import torch
from torch import nn

from crystalgen.model.relaxer import Relaxer
from crystalgen.training.config import TrainConfig
from crystalgen.training.state import averaged_weights, start_state, update_average


def test_only_matrices_decay_and_each_parameter_is_optimized_once():
    model = nn.ModuleDict(
        {
            "embedding": nn.Embedding(5, 4),
            "linear": nn.Linear(4, 5),
            "norm": nn.LayerNorm(4),
        }
    )
    model["tied"] = nn.Linear(4, 5)
    model["tied"].weight = model["linear"].weight
    model.register_parameter("codebook", nn.Parameter(torch.ones(2, 3, 4)))
    state = start_state(model, TrainConfig(weight_decay=0.1))

    decayed, free = state.optimizer.param_groups
    assert [p.shape for p in decayed["params"]] == [(5, 4)]
    assert decayed["weight_decay"] == 0.1
    assert free["weight_decay"] == 0
    ids = [id(p) for group in (decayed, free) for p in group["params"]]
    assert sorted(ids) == sorted(id(p) for p in model.parameters())


def test_the_relaxer_has_a_rate_of_its_own():
    model = nn.ModuleDict({"other": nn.Linear(3, 3), "relaxer": Relaxer(8, 2)})
    state = start_state(model, TrainConfig(relaxer_rate=4.0))
    rates = {
        id(p): group["rate"]
        for group in state.optimizer.param_groups
        for p in group["params"]
    }
    for name, parameter in model.named_parameters():
        assert rates.pop(id(parameter)) == (4.0 if "relaxer" in name else 1.0)
    assert not rates


def test_frozen_parameters_are_left_alone():
    model = nn.Linear(2, 2)
    model.bias.requires_grad_(False)
    groups = start_state(model, TrainConfig()).optimizer.param_groups
    assert [len(group["params"]) for group in groups] == [1]


def test_the_average_follows_its_recurrence():
    model = nn.Linear(1, 1, bias=False)
    with torch.no_grad():
        model.weight.fill_(1.0)
    state = start_state(model, TrainConfig())
    for value in (2.0, 4.0):
        with torch.no_grad():
            model.weight.fill_(value)
        update_average(state, decay=0.75)

    expected = 0.75 * (0.75 * 1 + 0.25 * 2) + 0.25 * 4
    assert state.average["weight"].item() == pytest.approx(expected)
    with averaged_weights(state) as lent:
        assert model.weight.item() == pytest.approx(expected)
        assert not lent.training
    assert model.weight.item() == 4
    assert model.training


def test_the_present_weights_come_back_after_an_error():
    model = nn.Linear(1, 1)
    state = start_state(model, TrainConfig())
    with torch.no_grad():
        model.weight.fill_(9.0)
    with pytest.raises(KeyboardInterrupt), averaged_weights(state):
        raise KeyboardInterrupt
    assert model.weight.item() == 9
