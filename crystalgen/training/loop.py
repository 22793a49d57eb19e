"""The training loop: one screen, no callbacks, no files but the evidence of a failure.

The caller iterates and does what it likes between two steps: log, validate, save.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from crystalgen.errors import TrainingError
from crystalgen.training.batches import batch_plan
from crystalgen.training.config import TrainConfig
from crystalgen.training.failure import write_bad_batch
from crystalgen.training.machine import Machine
from crystalgen.training.problem import Problem
from crystalgen.training.schedule import ema_decay_at, learning_rate_at, progress_of
from crystalgen.training.state import TrainState, averaged_weights, update_average


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What one optimizer step did."""

    learning_rate: float
    """Of this step."""
    losses: Mapping[str, float]
    """``loss`` and the model's own parts: means over the crystals of all processes."""
    grad_norm: float
    """Before clipping."""
    n_crystals: int
    """Crystals in the batches of all processes."""
    ends_epoch: bool
    """Whether each crystal has now been seen once more."""
    is_stopped: bool
    """Whether a process has been asked to stop."""


def never() -> bool:
    """Do not stop."""
    return False


def optimize(
    state: TrainState,
    problem: Problem,
    config: TrainConfig,
    machine: Machine,
    *,
    steps: int,
    bad_batch: Path,
    stop: Callable[[], object] = never,
) -> Iterator[Step]:
    """Train in place until ``steps`` or the wall-clock budget; yield after each step.

    Between two steps ``state`` is complete: saved then and loaded into a fresh
    process, it gives the same further steps (bit for bit on a CPU).

    Args:
        state: Weights, optimizer and counters; its model is on ``machine.device``.
        problem: The crystals and the loss.
        config: How to train.
        machine: Where to train.
        steps: At which ``progress`` reaches 1.
        bad_batch: Where to write a batch whose loss or gradient is not finite.
        stop: Asked once per step; if any process says yes, all see ``is_stopped``.

    Raises:
        TrainingError: A loss or a gradient is not finite; ``state`` is still the one
            before the step.
    """
    counters = state.counters
    started = perf_counter() - 60 * counters.minutes
    loss_of = _shared(state.model, problem, machine)
    while True:
        plan = epoch_plan(problem.n_orbits, counters.epoch, config, machine)
        for indices in plan[counters.batch :]:
            progress = progress_of(
                counters.step,
                counters.minutes,
                steps=steps,
                max_minutes=config.max_minutes,
            )
            if progress >= 1:
                return
            state.model.train()
            rate = learning_rate_at(counters.step, progress, config)
            for group in state.optimizer.param_groups:
                group["lr"] = rate * group["rate"]
            state.optimizer.zero_grad(set_to_none=True)
            with machine.seeded(config.seed, counters.step) as generator:
                batch = problem.collate(indices, machine.device)
                with machine.autocast():
                    total, n_here, parts = loss_of(batch, progress, generator)
                minutes = (perf_counter() - started) / 60
                shared = _share(machine, total, n_here, parts, minutes, bool(stop()))
                # DDP averages over processes, we over crystals
                weight = n_here * machine.world_size / shared.n
                norm = _gradient(state, total * weight, shared, config)
            if not math.isfinite(norm):
                where = {"step": counters.step, "epoch": counters.epoch}
                where |= {"seed": config.seed, "rank": machine.rank}
                raise _evidence(
                    bad_batch, batch, indices, problem, where, shared.losses
                )
            state.optimizer.step()
            update_average(state, decay=ema_decay_at(counters.step, config))
            counters.minutes = shared.minutes
            counters.step += 1
            counters.batch += 1
            ends_epoch = counters.batch == len(plan)
            if ends_epoch:
                counters.epoch, counters.batch = counters.epoch + 1, 0
            yield Step(
                learning_rate=rate,
                losses=shared.losses,
                grad_norm=norm,
                n_crystals=shared.n,
                ends_epoch=ends_epoch,
                is_stopped=shared.is_stopped,
            )


def _gradient(
    state: TrainState, loss: Tensor, shared: "_Shared", config: TrainConfig
) -> float:
    """Put the clipped gradient in place and return its norm before clipping.

    Parameters with a learning rate of their own are clipped apart.
    """
    if not math.isfinite(shared.losses["loss"]):
        return math.nan
    loss.backward()
    apart: dict[float, list[nn.Parameter]] = {}
    for group in state.optimizer.param_groups:
        apart.setdefault(group["rate"], []).extend(group["params"])
    norms = [
        float(nn.utils.clip_grad_norm_(each, config.clip_norm))
        for each in apart.values()
    ]
    return math.hypot(*norms)


def epoch_plan(
    n_orbits: Int[np.ndarray, " crystals"],
    epoch: int,
    config: TrainConfig,
    machine: Machine,
) -> list[Int[np.ndarray, " batch"]]:
    """List this process's batches of one epoch."""
    return batch_plan(
        n_orbits,
        orbits_per_batch=config.orbits_per_batch,
        epoch=epoch,
        seed=config.seed,
        rank=machine.rank,
        world_size=machine.world_size,
    )


def validate(
    state: TrainState, problem: Problem, config: TrainConfig, machine: Machine
) -> dict[str, float]:
    """Average the losses of the averaged weights over all crystals of ``problem``.

    The batches and the noise are the same each time, and ``progress`` is 1, so that
    the figures of all epochs compare. Every process computes its share.
    """
    if len(problem.n_orbits) < machine.world_size:
        machine = Machine(device=machine.device, dtype=machine.dtype)
    sums: dict[str, float] = {}
    n_crystals = 0.0
    with averaged_weights(state) as model, torch.no_grad():
        for i, indices in enumerate(epoch_plan(problem.n_orbits, 0, config, machine)):
            with machine.seeded(config.seed, i) as generator, machine.autocast():
                batch = problem.collate(indices, machine.device)
                losses = problem.loss_of(
                    model, batch, progress=1.0, generator=generator
                )
            shared = _share(machine, losses.total, losses.n_crystals, losses.parts)
            n_crystals += shared.n
            for name, value in shared.losses.items():
                sums[name] = sums.get(name, 0.0) + value * shared.n
    return {name: value / n_crystals for name, value in sums.items()}


class _LossOf(nn.Module):
    """The loss as the forward pass of a module, which is what DDP synchronizes.

    DDP sees the parameters only: buffers are facts of the training data, equal on all
    processes, of types that gloo cannot send.
    """

    def __init__(self, model: nn.Module, problem: Problem) -> None:
        super().__init__()
        self.trained = nn.ParameterList(model.parameters())
        self._hidden = (model, problem)

    def forward(
        self,
        batch: Any,  # noqa: ANN401
        progress: float,
        generator: torch.Generator,
    ) -> tuple[Float[Tensor, ""], int, dict[str, Tensor]]:
        model, problem = self._hidden
        losses = problem.loss_of(model, batch, progress=progress, generator=generator)
        parts = {name: part.detach() for name, part in losses.parts.items()}
        return losses.total, losses.n_crystals, parts


def _shared(
    model: nn.Module, problem: Problem, machine: Machine
) -> Callable[..., tuple[Tensor, int, dict[str, Tensor]]]:
    loss_of = _LossOf(model, problem)
    if machine.world_size == 1:
        return loss_of
    # a batch without free coordinates leaves their head without a gradient
    return DistributedDataParallel(loss_of, find_unused_parameters=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shared:
    """What all processes agree on in one step."""

    losses: dict[str, float]
    n: int
    minutes: float
    is_stopped: bool


def _share(
    machine: Machine,
    total: Tensor,
    n_crystals: int,
    parts: Mapping[str, Tensor],
    minutes: float = 0.0,
    is_stopped: bool = False,
) -> _Shared:
    """Average the losses over the crystals of all processes, in one exchange."""
    named = {"loss": total, **parts}
    values = torch.stack([value.detach().float() for value in named.values()]).tolist()
    # one process keeps the time, so that all follow the same schedule
    clock = minutes if machine.is_first else 0.0
    message = [float(n_crystals), clock, float(is_stopped)]
    if machine.world_size == 1:
        losses = dict(zip(named, values, strict=True))
        n_all, clock, stopped = message
    else:
        message += [value * n_crystals for value in values]
        n_all, clock, stopped, *sums = machine.sum(message)
        losses = {name: value / n_all for name, value in zip(named, sums, strict=True)}
    return _Shared(losses=losses, n=round(n_all), minutes=clock, is_stopped=stopped > 0)


def _evidence(
    path: Path,
    batch: Any,  # noqa: ANN401
    indices: Int[np.ndarray, " batch"],
    problem: Problem,
    where: Mapping[str, int],
    losses: Mapping[str, float],
) -> TrainingError:
    """Write the batch of a failed step and say where it is."""
    if where["rank"] > 0:
        path = path.with_stem(f"{path.stem}-rank{where['rank']}")
    names = [problem.identifiers[int(i)] for i in indices]
    write_bad_batch(
        path,
        batch,
        indices=indices,
        identifiers=names,
        where={**where, "losses": {k: str(v) for k, v in losses.items()}},
    )
    is_finite = math.isfinite(losses["loss"])
    what = "gradient is not finite" if is_finite else f"loss is {losses['loss']}"
    return TrainingError(
        f"step {where['step']} (epoch {where['epoch']}): the {what}; the batch of "
        f"{len(names)} crystals ({', '.join(names[:3])} ...) is in {path}; look there "
        "for odd values, or lower learning_rate"
    )
