"""`crystalgen train`: fit the model to crystals, resumably."""

import shlex
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn
from rich.table import Column

from crystalgen.cli.report import user_errors
from crystalgen.errors import DatasetError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from crystalgen.cli.run_file import RunData, RunFile
    from crystalgen.training.fit import Report
    from crystalgen.training.machine import Machine


@user_errors
def train(
    settings: Annotated[
        Path,
        typer.Argument(
            metavar="RUN.TOML",
            help="Tables [data], [model], [objective] and [train]; all may be empty.",
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(help="The run folder; runs/NAME for NAME.toml if unset."),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Go on from the last checkpoint in the run folder; "
            "start if there is none.",
        ),
    ] = False,
    device: Annotated[
        str | None, typer.Option(help="auto, cpu, cuda or mps; overrides [train].")
    ] = None,
) -> None:
    """Train a model on CPU or GPU; on several with torchrun.

    Ctrl-C saves and says how to go on. Several processes:

    torchrun --nproc-per-node 2 --no-python crystalgen train RUN.TOML
    """
    # imported here because torch costs seconds that --help must not pay
    from crystalgen.cli.run_file import read_run_data, read_run_file
    from crystalgen.config import build
    from crystalgen.training.config import TrainConfig
    from crystalgen.training.interrupt import stop_on_signals
    from crystalgen.training.machine import start_machine
    from crystalgen.training.run import train_run

    tables = read_run_file(settings)
    if device is not None:
        build(TrainConfig, {"device": device}, where="--device")
        tables = replace(tables, train=replace(tables.train, device=device))
    folder = out or Path("runs") / settings.stem
    with start_machine(tables.train) as machine:
        console = Console(stderr=True, quiet=not machine.is_first)
        data = read_run_data(settings, tables, folder, machine)
        _say(console, _start(data, folder, machine))
        with stop_on_signals() as stop:
            reports = train_run(
                tables.run,
                data.train,
                data.val,
                folder,
                resume=resume,
                stop=stop,
                machine=machine,
                provenance=data.provenance,
            )
            last = follow(reports, console)
        if last is not None and not last.is_stopped and machine.is_first:
            _calibrate(tables, data, folder, console)
        _say(console, _end(last, folder, _command(settings, out, device)))
        if last is not None and last.is_stopped:
            raise typer.Exit(128 + (stop() or 0))


def _say(console: Console, line: str) -> None:
    console.print(line, soft_wrap=True, highlight=False, markup=False)


def follow(reports: "Iterable[Report]", console: Console) -> "Report | None":
    """Show a bar, a line for each validation or checkpoint; return the last report."""
    last = None
    with _bar(console) as bar:
        task = bar.add_task("starting", total=1.0, left="", losses="")
        for last in reports:
            bar.update(
                task,
                description=f"{_part(last)}epoch {last.epoch + 1}, step {last.step:,}",
                completed=last.progress,
                left=f"{_clock(last.minutes_left)} left",
                losses=_losses(last),
            )
            if last.validation or last.is_saved:
                _say(console, _milestone(last))
    return last


def _calibrate(
    settings: "RunFile", data: "RunData", folder: Path, console: Console
) -> None:
    """Measure the errors of predicted properties, if there is something to."""
    if data.val is None or not settings.model.properties:
        return
    from crystalgen.generation.calibration import calibrate, save_calibrated
    from crystalgen.generation.weights import load_weights

    path = folder / "model.safetensors"
    try:
        arrays = calibrate(load_weights(path), *data.val)
    except DatasetError as error:
        _say(console, f"predictions are not calibrated: {error}")
        return
    save_calibrated(path, arrays, path)


def _bar(console: Console) -> Progress:
    rest = Column(ratio=1, no_wrap=True, overflow="ellipsis")
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        TaskProgressColumn(),
        TextColumn("{task.fields[left]}"),
        TextColumn("{task.fields[losses]}", table_column=rest),
        console=console,
        expand=True,
        transient=True,
        disable=not console.is_terminal,  # a log file wants lines
    )


def _start(data: "RunData", folder: Path, machine: "Machine") -> str:
    n_val = f", {len(data.val[0]):,} to validate" if data.val else ""
    processes = f", {machine.world_size} processes" if machine.world_size > 1 else ""
    return (
        f"{len(data.train[0]):,} crystals of {data.info.source}{n_val}; "
        f"{machine.device.type}{processes}; run folder {folder}"
    )


def _losses(report: "Report") -> str:
    """The loss and the first few of its parts, as the model names them."""
    shown = list(report.losses.items())[:4]
    return ", ".join(f"{name} {value:.3g}" for name, value in shown)


def _milestone(report: "Report") -> str:
    kind, losses = "loss", {"": report.losses["loss"]}
    if report.validation:
        kind, losses = "validation", dict(report.validation)
    shown = ", ".join(f"{name} {value:.4g}".strip() for name, value in losses.items())
    return (
        f"{_part(report)}epoch {report.epoch}, step {report.step:,} of "
        f"{report.steps:,}, "
        f"{report.crystals_per_s:,.0f} crystals/s, {_clock(report.minutes_left)} left; "
        f"{kind}: {shown}{'; saved' if report.is_saved else ''}"
    )


def _part(report: "Report") -> str:
    return f"{report.part}: " if report.part else ""


def _clock(minutes: float) -> str:
    """Hours and minutes.

    >>> _clock(61.5)
    '1:01:30'
    """
    seconds = round(60 * minutes)
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def _command(settings: Path, out: Path | None, device: str | None) -> str:
    """What to type to go on with a run."""
    words = ["crystalgen", "train", str(settings)]
    words += ["--out", str(out)] if out is not None else []
    words += ["--device", device] if device is not None else []
    return shlex.join([*words, "--resume"])


def _end(last: "Report | None", folder: Path, again: str) -> str:
    weights = folder / "model.safetensors"
    if last is None:
        return f"this run is complete; its weights are in {weights}"
    if last.is_stopped:
        return (
            f"stopped and saved at step {last.step:,} of {last.steps:,}; "
            f"go on with: {again}"
        )
    return (
        f"{_part(last)}{last.step:,} steps, {last.epoch} epochs, "
        f"loss {last.losses['loss']:.4g}; "
        f"weights in {weights}; "
        f"try them with: crystalgen generate --checkpoint {shlex.quote(str(weights))}"
    )
