"""Where a run computes: device, precision, and the processes that share the work.

Several processes are started by ``torchrun``; they talk through torch.distributed,
by NCCL on CUDA and by gloo elsewhere.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import distributed

from crystalgen.errors import ConfigError
from crystalgen.training.config import TrainConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """One process's view of where the run computes."""

    device: torch.device = torch.device("cpu")  # noqa: RUF009 (immutable)
    """Device of this process."""
    dtype: torch.dtype = torch.float32
    """Type that matrix products are cast to."""
    rank: int = 0
    """This process, from 0."""
    world_size: int = 1
    """Processes that share each step."""

    @property
    def is_first(self) -> bool:
        """Whether this process writes the files."""
        return self.rank == 0

    def autocast(self) -> torch.autocast:
        """Cast matrix products to ``dtype`` inside this context."""
        return torch.autocast(
            self.device.type, dtype=self.dtype, enabled=self.dtype != torch.float32
        )

    def sum(self, values: list[float]) -> list[float]:
        """Add up each value over all processes; all get the same answer."""
        if self.world_size == 1:
            return values
        total = torch.tensor(values, dtype=torch.float64, device=self.device)
        distributed.all_reduce(total)
        return total.tolist()

    def wait(self) -> None:
        """Go on when all processes have come here."""
        if self.world_size > 1:
            distributed.barrier()

    @contextmanager
    def seeded(self, seed: int, step: int) -> Iterator[torch.Generator]:
        """Make all randomness of one step a function of (seed, step, rank).

        So a resumed run needs no saved generator. The global generators, which
        drop-out draws from, are seeded inside the context and put back after it.

        Yields:
            A generator on ``device``.
        """
        own, shared = np.random.SeedSequence([seed, step, self.rank]).generate_state(
            2, np.uint64
        )
        cuda = [self.device] if self.device.type == "cuda" else []
        with torch.random.fork_rng(devices=cuda):
            torch.manual_seed(int(shared))
            yield torch.Generator(self.device).manual_seed(int(own))


@contextmanager
def start_machine(config: TrainConfig) -> Iterator[Machine]:
    """Choose the device and, under ``torchrun``, join the other processes.

    Raises:
        ConfigError: The device asked for is not there.
    """
    world_size = int(os.environ.get("WORLD_SIZE", "1"))
    rank = int(os.environ.get("RANK", "0"))
    device = choose_device(config.device, int(os.environ.get("LOCAL_RANK", "0")))
    wants_half = config.precision == "bfloat16" or (
        config.precision == "auto" and device.type == "cuda"
    )
    machine = Machine(
        device=device,
        dtype=torch.bfloat16 if wants_half else torch.float32,
        rank=rank,
        world_size=world_size,
    )
    if config.threads > 0:
        torch.set_num_threads(config.threads)
    if world_size == 1:
        yield machine
        return
    if device.type == "cuda":
        torch.cuda.set_device(device)
    distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield machine
    finally:
        distributed.destroy_process_group()


def choose_device(name: str, local_rank: int = 0) -> torch.device:
    """Find a device by its name; ``auto`` takes CUDA, else MPS, else the CPU.

    Raises:
        ConfigError: There is no such device here.
    """
    present = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if name == "auto":
        name = next(kind for kind, is_present in present.items() if is_present)
    if name not in present:
        raise ConfigError(f"device {name!r}: expected one of {['auto', *present]}")
    if not present[name]:
        raise ConfigError(
            f"device {name!r}: PyTorch {torch.__version__} finds none here; "
            "set device to 'auto' or 'cpu'"
        )
    return torch.device(name, local_rank) if name == "cuda" else torch.device(name)
