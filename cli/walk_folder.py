"""Write the crystals of a walk: a run folder, a table of all steps, and a picture."""

import shlex
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import typer
from rich.console import Console
from rich.table import Table

from crystalgen.evaluation.table import to_csv
from crystalgen.export.formats import Format
from crystalgen.export.manifest import Counts, Manifest
from crystalgen.export.picture import crystal_row
from crystalgen.export.record import CrystalRecord
from crystalgen.export.run_folder import disk_error, write_whole
from crystalgen.export.writer import RunWriter
from crystalgen.generation.weights import Weights
from crystalgen.latent.steps import REPEAT, Step, Walk, volume_per_atom
from crystalgen.latent.table import step_rows
from crystalgen.symmetry.wyckoff import space_group

STEPS = "steps.csv"
PICTURE = "row.png"
MENDED = "atoms moved apart"
MOST_CHANGES = 2
"""Changes that a caption names; more are counted."""


def write_walk(
    out: Path,
    walk: Walk,
    weights: Weights,
    *,
    title: str,
    request: Mapping[str, str | int],
    started: float,
) -> None:
    """Write a walk to a folder that is reserved for it.

    Args:
        out: The folder.
        walk: What to write.
        weights: What made it.
        title: Of the picture.
        request: What was asked for, for the manifest.
        started: When the command began, by ``time.monotonic``, in seconds.

    Raises:
        ExportError: The folder cannot be written, or a CIF does not read back.
    """
    names = [
        f"{number:02d}-{crystal.formula}"
        for number, crystal in enumerate(walk.crystals, start=1)
    ]
    captions = [_caption(step) for step in walk.steps]
    picture = crystal_row(walk.crystals, captions, title=title)
    counts = Counts(
        asked=int(request["n"]),
        drawn=len(walk.steps) + len(walk.left_out),
        valid=len(walk.steps) + walk.faults[REPEAT],
        unique=len(walk.steps),
    )
    manifest = Manifest(
        command=shlex.join(["crystalgen", *sys.argv[1:]]),
        request=request,
        seed=0,
        weights=weights.name,
        weights_sha256=weights.sha256,
        formats=(Format.CIF.value,),
        counts=counts,
        started=datetime.now(UTC).astimezone().isoformat(timespec="seconds"),
    )
    with RunWriter(out, manifest, formats=(Format.CIF,), started=started) as writer:
        for index, (name, step) in enumerate(zip(names, walk.steps, strict=True)):
            writer.add(_record(name, index, step))
        writer.finish(
            status="complete",
            counts=counts,
            reason="; ".join(walk.remarks) or None,
            rejections=walk.faults,
        )
    try:
        write_whole(out / STEPS, to_csv(step_rows(walk, names)))
        write_whole(out / PICTURE, picture)
    except OSError as error:
        raise disk_error(out, error) from error


def print_walk(walk: Walk, out: Path) -> None:
    """Print the steps and what was left out."""
    table = Table()
    table.add_column("crystal")
    table.add_column("group")
    table.add_column("change")
    table.add_column("away", justify="right")
    table.add_column("ln p", justify="right")
    table.add_column("remark")
    for step, crystal in zip(walk.steps, walk.crystals, strict=True):
        table.add_row(
            crystal.formula,
            space_group(crystal.space_group).symbol,
            step.change.replace(", ", "\n"),
            str(step.distance),
            f"{step.log_likelihood:.1f}",
            MENDED if step.is_mended else "",
        )
    Console().print(table)
    for remark in walk.remarks:
        typer.echo(remark)
    if walk.left_out:
        counted = (f"{count} {fault}" for fault, count in walk.faults.most_common())
        typer.echo(f"{len(walk.left_out)} steps left out: {', '.join(counted)}")
    typer.echo(f"{len(walk.steps)} crystals: {out / 'cif'}, {out / PICTURE}")


def _caption(step: Step) -> str:
    crystal = step.crystal
    if crystal is None:
        return ""
    symbol = space_group(crystal.space_group).symbol
    changes = step.change.split(", ")
    change = step.change or "start"
    if len(changes) > MOST_CHANGES:
        change = f"{len(changes)} changes"
    volume = volume_per_atom(crystal)
    first = f"{crystal.formula}  {symbol}  {volume:.1f} Å³/atom\n"
    return first + change.replace(", ", "\n")


def _record(name: str, index: int, step: Step) -> CrystalRecord:
    if step.crystal is None:
        raise ValueError(f"step {index} of a walk has no crystal")
    codes = step.codes
    return CrystalRecord(
        identifier=name,
        index=index,
        crystal=step.crystal,
        codes=(codes.crystal, *codes.roles, *codes.orbits),
        flags=(MENDED,) if step.is_mended else (),
    )
