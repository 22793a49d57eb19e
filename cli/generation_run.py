"""Draw the crystals of a plan and write each as it comes."""

import signal
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress as Bar,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from crystalgen.cli.interruption import stoppable
from crystalgen.errors import ExportError
from crystalgen.export.formats import Format
from crystalgen.export.manifest import Counts, Manifest, Status, to_json
from crystalgen.export.record import CrystalRecord
from crystalgen.export.writer import RunWriter

if TYPE_CHECKING:
    from crystalgen.generation.candidate import Candidate
    from crystalgen.generation.sampling import Sampling


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPlan:
    """A run as it starts, or goes on.

    Attributes:
        out: Folder to write to.
        manifest: The run as it starts.
        earlier: Crystals that are in the folder already.
        started: Start of the run by ``time.monotonic``, in seconds, without the time
            between an interruption and the start anew.
    """

    out: Path
    manifest: Manifest
    earlier: tuple[CrystalRecord, ...] = ()
    started: float

    @property
    def formats(self) -> tuple[Format, ...]:
        """What to write beside the records."""
        return tuple(map(Format, self.manifest.formats))


def carry_out(plan: RunPlan, run: "Sampling", *, as_json: bool) -> None:
    """Write the crystals of a run, and say what came of it.

    Raises:
        ExportError: The folder cannot be written, or no crystal came.
        Exit: A signal has ended the run.
    """
    manifest, number = _write(plan, run, quiet=as_json)
    report(manifest, plan.out, as_json=as_json)
    if number:
        typer.echo(
            f"stopped: {manifest.counts.written} finished crystals are kept in "
            f"{plan.out}; go on with crystalgen generate --resume {plan.out}",
            err=True,
        )
        raise typer.Exit(128 + number)
    if not manifest.counts.written:
        raise ExportError(f"no crystal was written: {manifest.reason}")


def _write(plan: RunPlan, run: "Sampling", *, quiet: bool) -> tuple[Manifest, int]:
    """Write the crystals as they come; also which signal ended the run, or 0."""
    console = Console(stderr=True)
    bar = Bar(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=quiet or not console.is_terminal,
    )
    writer = RunWriter(
        plan.out,
        plan.manifest,
        formats=plan.formats,
        started=plan.started,
        earlier=plan.earlier,
    )
    rejected = Counter(run.tally.rejected)
    with writer, stoppable(run) as candidates:
        with bar:
            task = bar.add_task("crystals", total=run.request.n)
            bar.advance(task, len(plan.earlier))
            for candidate in candidates:
                since = run.tally.rejected - rejected
                writer.add(_record(candidate, run, plan.manifest.run, since))
                rejected = Counter(run.tally.rejected)
                bar.advance(task)
        finished = _finish(writer, run, candidates.signal)
    return finished, candidates.signal if finished.status == "interrupted" else 0


def _finish(writer: RunWriter, run: "Sampling", ended: int) -> Manifest:
    """Complete the folder and say how the run ended."""
    tally, n = run.tally, run.request.n
    status: Status = "complete" if tally.unique >= n else "incomplete"
    reason = None
    if status == "incomplete" and ended:
        status, reason = "interrupted", f"stopped by {signal.Signals(ended).name}"
    elif status == "incomplete":
        most = [f"{count} {why}" for why, count in tally.rejected.most_common(3)]
        reason = f"gave up after {tally.drawn} draws; rejected: {', '.join(most)}"
    counts = Counts(asked=n, drawn=tally.drawn, valid=tally.valid, unique=tally.unique)
    return writer.finish(
        status=status, counts=counts, reason=reason, rejections=tally.rejected
    )


def _record(
    candidate: "Candidate", sampling: "Sampling", run: str, rejected: Mapping[str, int]
) -> CrystalRecord:
    codes, targets = candidate.codes, sampling.targets
    flags = () if candidate.is_neutral else ("usual oxidation states do not cancel",)
    return CrystalRecord(
        identifier=f"{run}-{candidate.index:06d}-{candidate.formula}",
        index=candidate.index,
        crystal=candidate.crystal,
        codes=(codes.crystal, *codes.roles, *codes.orbits),
        log_prob=candidate.log_prob,
        condition=targets.of_draw(candidate.index) if targets else {},
        expected=candidate.expected.as_dict() if candidate.expected else {},
        predicted=_predicted(candidate, sampling) if targets else {},
        flags=flags,
        rejected=dict(rejected),
    )


def _predicted(candidate: "Candidate", sampling: "Sampling") -> dict[str, float]:
    """What the weights say of the properties of a crystal, by itself.

    Crystals predicted together would differ in the last bits, which an interrupted run
    must not.
    """
    from crystalgen.generation.prediction import predict

    (found,) = predict(sampling.weights, [candidate.crystal])
    return {
        column: value
        for name, prediction in found.items()
        for column, value in prediction.columns(name).items()
    }


def report(manifest: Manifest, out: Path, *, as_json: bool) -> None:
    """Print what came of the run."""
    if as_json:
        typer.echo(to_json(manifest), nl=False)
        return
    counts = manifest.counts
    table = Table()
    for name in ("asked", "drawn", "valid", "unique", "written", "seconds"):
        table.add_column(name, justify="right")
    table.add_column("folder", overflow="fold")
    numbers = (counts.asked, counts.drawn, counts.valid, counts.unique, counts.written)
    table.add_row(*map(str, numbers), f"{manifest.seconds:.1f}", str(out))
    Console().print(table)
    if manifest.reason:
        typer.echo(f"{counts.written} of {counts.asked} crystals: {manifest.reason}")
