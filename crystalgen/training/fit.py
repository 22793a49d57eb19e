"""A run in a folder: the loop with metrics, validation and checkpoints around it.

Knows nothing of crystals: any model and `Problem` will do.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

from torch import nn

from crystalgen.training.config import TrainConfig
from crystalgen.training.folder import (
    BAD_BATCH,
    BEST,
    MODEL,
    STATE,
    open_run,
    save_model,
)
from crystalgen.training.loop import Step, epoch_plan, never, optimize, validate
from crystalgen.training.machine import Machine
from crystalgen.training.metrics import MetricsLog, open_metrics
from crystalgen.training.problem import Problem
from crystalgen.training.schedule import progress_of
from crystalgen.training.state import (
    TrainState,
    data_fingerprint,
    save_state,
    start_state,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Where a run stands after a step."""

    step: int
    """Steps taken, over all sessions."""
    steps: int
    """Steps planned."""
    epoch: int
    """Passes over the training crystals that are complete."""
    progress: float
    """Share of the run that is over, in [0, 1]."""
    learning_rate: float
    """Of this step."""
    losses: Mapping[str, float]
    """``loss`` and the model's own parts."""
    grad_norm: float
    """Before clipping."""
    crystals_per_s: float
    """Over this session."""
    minutes_left: float
    """Estimate from this session's speed."""
    validation: Mapping[str, float] = field(default_factory=dict)
    """Losses of the averaged weights, where this step ended in a validation."""
    is_saved: bool = False
    """Whether a checkpoint was written after this step."""
    is_stopped: bool = False
    """Whether this is the last report because the run was asked to stop."""
    part: str = ""
    """What is trained, if the run has several parts."""


def fit(
    model: nn.Module,
    problem: Problem,
    config: TrainConfig,
    machine: Machine,
    *,
    out: Path,
    describe: Mapping[str, Any],
    validation: Problem | None = None,
    resume: bool = False,
    stop: Callable[[], object] = never,
) -> Iterator[Report]:
    """Train ``model`` in the folder ``out``, yielding a report after each step.

    The files are written before the report is yielded. Closing the iterator between
    two steps (``break``) writes a checkpoint, too.

    Args:
        model: With its initial weights, which are overwritten on resuming.
        problem: The training crystals and the loss.
        config: How to train.
        machine: Where to train.
        out: The run folder.
        describe: Plain settings from which the model can be built again, saved in
            every file of weights; a resumed run must have the same.
        validation: Crystals that are not trained on.
        resume: Go on from the state in ``out``, if there is one.
        stop: Asked once per step; at true the run is saved and ends.

    Raises:
        TrainingError: ``out`` holds a run and ``resume`` is false, or a loss is not
            finite.
        CheckpointError: The state does not belong to this run, or a file cannot be
            written.
    """
    state = start_state(model.to(machine.device), config)
    n_batches = len(epoch_plan(problem.n_orbits, 0, config, machine))
    steps = config.steps or config.epochs * n_batches
    settings = {
        "seed": config.seed,
        "orbits_per_batch": config.orbits_per_batch,
        "processes": machine.world_size,
        "training data": data_fingerprint(problem.n_orbits),
        **describe,
    }
    open_run(out, state, settings, resume=resume)
    machine.wait()  # all look for a state before one writes it
    run = _Run(out, state, config, machine, settings, steps, describe)
    yield from run.reports(problem, validation, stop)
    machine.wait()  # none leaves before the last state is written


@dataclass(slots=True)
class _Run:
    """What stays the same over the steps of one session."""

    out: Path
    state: TrainState
    config: TrainConfig
    machine: Machine
    settings: Mapping[str, Any]
    steps: int
    describe: Mapping[str, Any]

    def reports(
        self, problem: Problem, validation: Problem | None, stop: Callable[[], object]
    ) -> Iterator[Report]:
        counters, config = self.state.counters, self.config
        started = saved = perf_counter()
        first_progress, n_crystals, saved_step = self.progress, 0, counters.step
        with open_metrics(
            self.out,
            step=counters.step,
            is_first=self.machine.is_first,
            tensorboard=config.tensorboard,
        ) as metrics:
            try:
                for step in optimize(
                    self.state,
                    problem,
                    config,
                    self.machine,
                    steps=self.steps,
                    bad_batch=self.out / BAD_BATCH,
                    stop=stop,
                ):
                    n_crystals += step.n_crystals
                    seconds = perf_counter() - started
                    validated = self.validated(step, validation)
                    self.log(metrics, step, validated, n_crystals / seconds)
                    is_last = step.is_stopped or self.progress >= 1
                    is_due = perf_counter() - saved > 60 * config.checkpoint_minutes
                    if is_last or is_due:
                        self.save()
                        saved, saved_step = perf_counter(), counters.step
                    done = max(self.progress - first_progress, 1e-9)
                    left = (1 - self.progress) / done * seconds
                    yield Report(
                        step=counters.step,
                        steps=self.steps,
                        epoch=counters.epoch,
                        progress=self.progress,
                        learning_rate=step.learning_rate,
                        losses=step.losses,
                        grad_norm=step.grad_norm,
                        crystals_per_s=n_crystals / seconds,
                        minutes_left=left / 60,
                        validation=validated,
                        is_saved=saved_step == counters.step,
                        is_stopped=step.is_stopped,
                    )
                    if step.is_stopped:
                        return
            except GeneratorExit:
                if saved_step != counters.step:
                    self.save()
                raise

    @property
    def progress(self) -> float:
        return progress_of(
            self.state.counters.step,
            self.state.counters.minutes,
            steps=self.steps,
            max_minutes=self.config.max_minutes,
        )

    def validated(self, step: Step, validation: Problem | None) -> dict[str, float]:
        """Validate where an epoch ends that is due, and at the end of the run."""
        counters = self.state.counters
        is_due = step.ends_epoch and counters.epoch % self.config.validate_every == 0
        if validation is None or not (is_due or self.progress >= 1):
            return {}
        losses = validate(self.state, validation, self.config, self.machine)
        if counters.best is None or losses["loss"] < counters.best:
            counters.best = losses["loss"]
            if self.machine.is_first:
                save_model(self.out / BEST, self.state, self.config, self.describe)
        return losses

    def log(
        self,
        metrics: MetricsLog,
        step: Step,
        validated: Mapping[str, float],
        crystals_per_s: float,
    ) -> None:
        """Gather the losses of a few steps into one line of metrics."""
        counters = self.state.counters
        counters.logged_crystals += step.n_crystals
        for name, value in step.losses.items():
            counters.logged[name] = (
                counters.logged.get(name, 0.0) + value * step.n_crystals
            )
        is_due = counters.step % self.config.log_every == 0 or self.progress >= 1
        if not (is_due or validated):
            return
        line = {"step": counters.step, "epoch": counters.epoch}
        line |= {"lr": step.learning_rate, "grad_norm": step.grad_norm}
        line |= {n: v / counters.logged_crystals for n, v in counters.logged.items()}
        line |= {f"val_{name}": value for name, value in validated.items()}
        line |= {"crystals_per_s": crystals_per_s, "minutes": counters.minutes}
        counters.logged_crystals, counters.logged = 0, {}
        metrics.append(line)

    def save(self) -> None:
        """Write the state and the averaged weights; only the first process does."""
        if self.machine.is_first:
            save_state(self.out / STATE, self.state, self.settings)
            save_model(self.out / MODEL, self.state, self.config, self.describe)
