"""`crystalgen teach`: let what was computed for drawn crystals make the next better."""

import os
import shlex
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from crystalgen.cli.machine_options import check_device
from crystalgen.cli.report import user_errors
from crystalgen.errors import TrainingError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from crystalgen.model.checkpoint import Checkpoint
    from crystalgen.representation.table import CrystalTable
    from crystalgen.training.config import TrainConfig
    from crystalgen.training.fit import Report
    from crystalgen.training.teaching import Lesson


@user_errors
def teach(
    run: Annotated[
        Path, typer.Argument(help="Folder of a run of `generate`.", show_default=False)
    ],
    energies: Annotated[
        Path,
        typer.Argument(
            metavar="TABLE",
            help="CSV or JSON lines with a row for each crystal of the run: id,"
            " e_above_hull (eV/atom) and, if known, formation_energy_per_atom and"
            " largest_force (eV/Å).",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path, typer.Option(help="The folder; its model.safetensors are the weights.")
    ],
    relaxed: Annotated[
        list[str] | None,
        typer.Option(
            help="Crystals of the run as they are when relaxed: files, folders, runs"
            " or caches.",
            show_default=False,
        ),
    ] = None,
    data: Annotated[
        list[Path] | None,
        typer.Option(
            help="A cache of the crystals that the weights were trained on, to be kept"
            " in mind.",
            show_default=False,
        ),
    ] = None,
    checkpoint: Annotated[
        Path | None,
        typer.Option(help="Weights of yours, or those inside: mp-20 if unset."),
    ] = None,
    steps: Annotated[
        int, typer.Option(min=0, help="Of the critic; 0 keeps the one that is there.")
    ] = 3000,
    relaxer_steps: Annotated[int, typer.Option(min=1, help="Of the relaxer.")] = 1500,
    blend: Annotated[
        float,
        typer.Option(
            min=0,
            max=1,
            help="Share of the taught relaxer; the rest is as it was before. Less than"
            " 1 where few crystals were relaxed.",
        ),
    ] = 1.0,
    trial: Annotated[
        int,
        typer.Option(
            min=0,
            help="Crystals to draw at the end, twice, so that what they lack of --data"
            " is asked for the more; 0 for none.",
        ),
    ] = 2000,
    seed: Annotated[int, typer.Option(min=0, help="Of all that is drawn.")] = 0,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the last checkpoint in --out.")
    ] = False,
    device: Annotated[
        str, typer.Option(callback=check_device, help="auto, cpu, cuda or mps.")
    ] = "auto",
) -> None:
    """Teach weights from energies, and relaxed structures, of crystals they drew.

    A network, the critic, learns to tell from the elements on the positions how far
    above the hull a crystal lies and how large its forces are. Generation then takes
    the best of several compositions. If crystals were relaxed, the relaxer learns, too,
    where they come to rest. Weights that were taught before go on to learn. All other
    networks stay as they are. The energies may be of any method, of the crystals as
    they were drawn; some thousands are needed. A tenth of all crystals is held out to
    validate on. Several processes:

    torchrun --nproc-per-node 2 --no-python crystalgen teach ...

    For example

    crystalgen generate --n 10000 --out drawn

    crystalgen teach drawn energies.csv --data train.safetensors --out taught

    crystalgen generate --n 100 --checkpoint taught/model.safetensors --out better
    """
    # imported here because torch costs seconds that --help must not pay
    from crystalgen.cli.energies import read_labelled
    from crystalgen.cli.train import follow
    from crystalgen.cli.trial_run import correct
    from crystalgen.datasets.cache import read_cache
    from crystalgen.generation.weights import read_weights
    from crystalgen.training.folder import check_folder
    from crystalgen.training.interrupt import stop_on_signals
    from crystalgen.training.taught import CRITIC, RELAXER, save_taught

    if not relaxed and not steps:
        raise TrainingError(
            "--steps 0 and no --relaxed: nothing to learn; expected steps for the"
            " critic or relaxed crystals for the relaxer"
        )
    if not relaxed and blend != 1:
        raise TrainingError(
            f"--blend {blend:g} without --relaxed: the relaxer stays as it is; expected"
            " relaxed crystals, too"
        )
    for part in (CRITIC, RELAXER):
        check_folder(out / part, resume=resume)
    is_first = int(os.environ.get("RANK", "0")) == 0
    n_processes = int(os.environ.get("WORLD_SIZE", "1"))
    console = Console(stderr=True, quiet=not is_first)
    weights = read_weights(checkpoint)
    real = [read_cache(path)[0] for path in data or ()]
    drawn = _lesson(read_labelled(run, energies), real, seed)
    at_rest = _read(relaxed, checkpoint, console) if relaxed else None
    console.print(
        f"{len(drawn.drawn):,} drawn and {sum(map(len, real)):,} real crystals, "
        f"{len(drawn.held_out):,} held out; weights: {weights.name}",
        soft_wrap=True,
        highlight=False,
    )
    with stop_on_signals() as stop:
        reports = _parts(
            weights,
            drawn,
            _lesson(at_rest, real, seed) if at_rest else None,
            _settings(steps, relaxer_steps, seed, device, n_processes),
            out,
            stop,
        )
        last = follow(reports, console)
        if last is not None and last.is_stopped:
            console.print(f"stopped and saved in {out}; go on with --resume")
            raise typer.Exit(128 + (stop() or 0))
    if not is_first:
        return
    sha256 = save_taught(weights, out, blend=blend, real=real)
    if real and steps and trial:
        sha256 = correct(out / "model.safetensors", real, trial, console)
    path = shlex.quote(str(out / "model.safetensors"))
    typer.echo(
        f"taught; weights in {path} (SHA-256 {sha256[:12]}); try them with: "
        f"crystalgen generate --checkpoint {path}"
    )


def _settings(
    steps: int, relaxer_steps: int, seed: int, device: str, n_processes: int
) -> "tuple[TrainConfig, TrainConfig]":
    """How critic and relaxer are trained."""
    from crystalgen.config import build
    from crystalgen.training.config import TrainConfig

    common = {"seed": seed, "device": device, "threads": 1}
    of_critic = {
        "steps": steps,
        "learning_rate": 2e-3,
        "orbits_per_batch": max(1, 2048 // n_processes),
        "ema_decay": 0.995,
        "validate_every": 5,
    }
    of_relaxer = {
        "steps": relaxer_steps,
        "learning_rate": 1.2e-3,
        "orbits_per_batch": max(1, 768 // n_processes),
        "clip_norm": 10.0,
        "ema_decay": 0.998,
    }
    critic, relaxer = (
        build(TrainConfig, {**common, **each}, where="--device")
        for each in (of_critic, of_relaxer)
    )
    return critic, relaxer


def _parts(
    weights: "Checkpoint",
    drawn: "Lesson",
    at_rest: "Lesson | None",
    settings: "tuple[TrainConfig, TrainConfig]",
    out: Path,
    stop: "Callable[[], object]",
) -> "Iterator[Report]":
    """Train the critic, then the relaxer if there is something to learn."""
    from crystalgen.training.machine import start_machine
    from crystalgen.training.teaching import teach_critic, teach_relaxer

    of_critic, of_relaxer = settings
    parts: list[Iterator[Report]] = []
    with start_machine(of_critic) as machine:
        if of_critic.steps:
            parts.append(
                teach_critic(
                    weights,
                    drawn,
                    of_critic,
                    machine,
                    out=out,
                    stop=stop,
                )
            )
        if at_rest is not None:
            parts.append(
                teach_relaxer(
                    weights,
                    at_rest,
                    of_relaxer,
                    machine,
                    out=out,
                    stop=stop,
                )
            )
        for report in chain.from_iterable(parts):
            yield report
            if report.is_stopped:
                return


def _lesson(
    drawn: "CrystalTable", real: "Sequence[CrystalTable]", seed: int
) -> "Lesson":
    """Crystals to learn from, some of them held out."""
    from crystalgen.cli.energies import split_off
    from crystalgen.training.teaching import Lesson

    learnt, held_out = split_off(drawn, seed)
    return Lesson(drawn=learnt, held_out=held_out, real=real)


def _read(
    names: "Sequence[str]", checkpoint: Path | None, console: Console
) -> "CrystalTable":
    """The relaxed crystals."""
    from crystalgen.cli.crystal_inputs import read_all
    from crystalgen.datasets.pool import available_cores
    from crystalgen.generation.weights import load_weights
    from crystalgen.representation.table import CrystalTable

    found = read_all(
        names,
        load_weights(checkpoint),
        pass_over=True,
        n_workers=available_cores(),
        console=console,
    )
    return CrystalTable.from_crystals(
        (each.crystal for each in found if each.crystal is not None),
        identifiers=[each.identifier for each in found],
    )
