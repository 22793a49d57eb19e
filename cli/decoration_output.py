"""What `crystalgen decorate` writes and prints: the run folder and a table."""

import shlex
import signal
import sys
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import typer
from rich.console import Console
from rich.table import Table

from crystalgen.cli.interruption import stoppable
from crystalgen.decoration import Decorating, Decoration
from crystalgen.export.formats import Format
from crystalgen.export.manifest import Counts, Manifest, Status, to_json
from crystalgen.export.record import CrystalRecord
from crystalgen.export.writer import RunWriter

SHOWN = 10
"""Decorations in the table; all are in the folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A finished run."""

    best: tuple[Decoration, ...]
    """The first decorations."""
    manifest: Manifest
    signal: int
    """Which signal ended it, or 0."""


def write(
    out: Path,
    run: Decorating,
    formats: tuple[Format, ...],
    *,
    host: str,
    sha256: str,
    started: float,
) -> Written:
    """Write decorations as they come.

    Args:
        out: The run folder, reserved.
        run: Where they come from.
        formats: What to write beside the records.
        host: Name of the file of the host.
        sha256: Of its text.
        started: Start of the run by ``time.monotonic``, in seconds.

    Raises:
        ExportError: The folder cannot be written.
    """
    manifest = _first_manifest(run, formats, host=host, sha256=sha256)
    best: list[Decoration] = []
    with (
        RunWriter(out, manifest, formats=formats, started=started) as writer,
        stoppable(run) as decorations,
    ):
        for each in decorations:
            writer.add(_record(each, manifest.run))
            if len(best) < SHOWN:
                best.append(each)
        tally, asked = run.tally, run.request.n
        status: Status = "complete" if tally.unique >= asked else "incomplete"
        reason = None if status == "complete" else run.shortfall
        ended = 0
        if status == "incomplete" and decorations.signal:
            status, ended = "interrupted", decorations.signal
            reason = f"stopped by {signal.Signals(ended).name}"
        counts = Counts(
            asked=asked, drawn=tally.drawn, valid=tally.valid, unique=tally.unique
        )
        finished = writer.finish(
            status=status, counts=counts, reason=reason, rejections=tally.rejected
        )
    return Written(best=tuple(best), manifest=finished, signal=ended)


def _first_manifest(
    run: Decorating, formats: tuple[Format, ...], *, host: str, sha256: str
) -> Manifest:
    return Manifest(
        command=shlex.join(["crystalgen", *sys.argv[1:]]),
        request={"host": host, "host_sha256": sha256, **asdict(run.request)},
        seed=run.seed,
        weights=run.weights.name,
        weights_sha256=run.weights.sha256,
        formats=tuple(each.value for each in formats),
        counts=Counts(asked=run.request.n),
        started=datetime.now(UTC).astimezone().isoformat(timespec="seconds"),
    )


def _record(decoration: Decoration, run: str) -> CrystalRecord:
    codes = decoration.codes
    remarks = {
        f"sites: {decoration.sites}": True,
        "usual oxidation states do not cancel": not decoration.is_neutral,
        "a training crystal": decoration.is_known,
        "the host itself": decoration.is_host,
    }
    return CrystalRecord(
        identifier=f"{run}-{decoration.rank:06d}-{decoration.formula}",
        index=decoration.rank,
        crystal=decoration.crystal,
        codes=(codes.crystal, *codes.roles, *codes.orbits),
        log_prob=decoration.score,
        flags=tuple(remark for remark, holds in remarks.items() if holds),
    )


def report(written: Written, out: Path, *, as_json: bool) -> None:
    """Print the first decorations and what became of the others."""
    manifest = written.manifest
    if as_json:
        typer.echo(to_json(manifest), nl=False)
        return
    table = Table()
    for name in ("rank", "formula", "group", "score", "sites"):
        table.add_column(name, justify="right" if name == "score" else "left")
    for each in written.best:
        mark = " (host)" if each.is_host else "" if each.is_neutral else " (charged)"
        table.add_row(
            str(each.rank),
            each.formula + mark,
            str(each.space_group),
            f"{each.score:.2f}",
            each.sites,
        )
    Console().print(table)
    counts = manifest.counts
    said = f" ({manifest.reason})" if manifest.reason else ""
    typer.echo(
        f"{counts.written} of {counts.asked} decorations in {out},"
        f" {manifest.seconds:.1f} s{said}"
    )
