import pytest
import torch

from crystalgen.errors import ConfigError
from crystalgen.training.config import TrainConfig
from crystalgen.training.machine import Machine, choose_device, start_machine


def draws(machine, seed, step):
    with machine.seeded(seed, step) as generator:
        return torch.rand(3, generator=generator).tolist(), torch.rand(3).tolist()


def test_the_noise_of_a_step_depends_on_seed_step_and_rank_only():
    machine = Machine()
    torch.rand(5)
    assert draws(machine, 0, 7) == draws(machine, 0, 7)

    others = [
        draws(Machine(rank=rank), seed, step)
        for rank, seed, step in ((0, 0, 7), (1, 0, 7), (0, 1, 7), (0, 0, 8))
    ]
    streams = {tuple(stream) for pair in others for stream in pair}
    assert len(streams) == 8


def test_a_device_that_is_not_there_says_what_is_possible(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(ConfigError, match=r"'cuda': .* finds none here; set device to"):
        choose_device("cuda")
    with pytest.raises(ConfigError, match=r"'gpu': expected one of \['auto'"):
        choose_device("gpu")


@pytest.mark.parametrize(
    ("cuda", "mps", "expected"),
    [(True, False, "cuda"), (False, True, "mps"), (False, False, "cpu")],
)
def test_auto_takes_the_fastest_device(monkeypatch, cuda, mps, expected):
    monkeypatch.setattr("torch.cuda.is_available", lambda: cuda)
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: mps)
    assert choose_device("auto").type == expected


@pytest.mark.parametrize(
    ("precision", "dtype"), [("auto", torch.float32), ("bfloat16", torch.bfloat16)]
)
def test_a_cpu_computes_in_single_precision_unless_asked(precision, dtype):
    config = TrainConfig(device="cpu", precision=precision)
    with start_machine(config) as machine, machine.autocast():
        product = torch.ones(2, 2) @ torch.ones(2, 2)
    assert machine.dtype == product.dtype == dtype


def test_one_process_sums_and_waits_alone():
    machine = Machine()
    machine.wait()
    assert machine.sum([1.0, 2.0]) == [1.0, 2.0]
    assert machine.is_first
