"""`crystalgen generate`: draw crystals and write them to a run folder."""

import shlex
import signal
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from crystalgen.cli import request_options as asked
from crystalgen.cli.interruption import stoppable
from crystalgen.cli.machine_options import check_device, parse_format_option
from crystalgen.cli.report import user_errors
from crystalgen.errors import ExportError
from crystalgen.export.formats import Format

if TYPE_CHECKING:
    from crystalgen.export.manifest import Manifest, Status
    from crystalgen.export.writer import RunWriter
    from crystalgen.generation.candidate import Candidate
    from crystalgen.generation.generator import Generator
    from crystalgen.generation.sampling import Sampling

MANY = 400
"""Crystals from which on starting further processes saves time."""


@user_errors
def generate(
    n: Annotated[
        int, typer.Option("--n", min=1, help="Valid and unique crystals to write.")
    ] = 100,
    out: Annotated[
        Path, typer.Option(help="Folder to write to; a new or an empty one.")
    ] = Path("crystals"),
    seed: Annotated[
        int, typer.Option(min=0, help="Same seed and request, same crystals.")
    ] = 0,
    space_group: asked.SpaceGroup = "",
    crystal_system: asked.CrystalSystems = "",
    chemical_system: asked.ChemicalSystem = "",
    elements: asked.Elements = "",
    require: asked.Require = "",
    exclude: asked.Exclude = "",
    formula: asked.Formula = "",
    z: asked.FormulaUnits = None,
    anonymous_formula: asked.AnonymousFormula = "",
    n_elements: asked.NElements = "",
    min_atoms: asked.MinAtoms = None,
    max_atoms: asked.MaxAtoms = None,
    charge_neutral: asked.ChargeNeutral = True,
    temperature: Annotated[
        float, typer.Option(help="Below 1 more typical, above 1 more unusual.")
    ] = 1.0,
    allow_known: Annotated[
        bool,
        typer.Option(
            "--allow-known",
            help="Also take crystals with the group, positions and elements of a"
            " training crystal, which are else drawn again.",
        ),
    ] = False,
    vary_geometry: Annotated[
        bool,
        typer.Option(
            "--vary-geometry",
            help="Draw geometries, too, instead of the most likely one.",
        ),
    ] = False,
    formats: Annotated[
        str, typer.Option("--format", help="cif, poscar, extxyz, json, or several.")
    ] = "cif",
    checkpoint: Annotated[
        Path | None,
        typer.Option(
            help="Weights of yours, or those inside: mp-20, perov-5 or carbon-24."
        ),
    ] = None,
    device: Annotated[
        str, typer.Option(callback=check_device, help="auto, cpu, cuda or mps.")
    ] = "auto",
    batch_size: Annotated[
        int,
        typer.Option(
            min=1, help="Draws handed to a process at once; crystals stay the same."
        ),
    ] = 128,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes; chosen by --n if unset.")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the run in the folder.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the manifest as JSON, nothing else.")
    ] = False,
) -> None:
    """Draw new crystals and write each as a symmetrised CIF.

    The folder also gets crystals.jsonl, with a line for each crystal, and
    manifest.json, with what was asked and what came of it.

    Ctrl-C keeps all finished crystals.

    For example

    crystalgen generate --n 100

    crystalgen generate --n 50 --space-group 225,216 --max-atoms 10 --out cubic

    crystalgen generate --n 20 --chemical-system Li-Fe-P-O --out phosphates

    crystalgen generate --n 20 --formula SrTiO3 --crystal-system cubic --out titanates

    crystalgen generate --n 20 --require Li --exclude Pb --n-elements 3-4 --out lithium

    crystalgen generate --n 1000 --seed 1 --format cif,poscar --out more
    """
    started = time.monotonic()
    chosen = parse_format_option(formats)
    space_groups = asked.parse_space_groups(space_group)
    limits = asked.parse_range(n_elements)
    # imported here because torch and pymatgen cost seconds that --help must not pay
    from crystalgen.export.run_folder import reserved_folder
    from crystalgen.generation.request import Request

    request = Request(
        n=n,
        space_groups=space_groups,
        crystal_systems=asked.parse_names(crystal_system),
        chemical_system=asked.parse_names(chemical_system),
        elements=asked.parse_names(elements),
        require=asked.parse_names(require),
        exclude=asked.parse_names(exclude),
        formula=formula,
        z=z,
        anonymous_formula=anonymous_formula,
        n_elements=limits,
        min_atoms=min_atoms,
        max_atoms=max_atoms,
        charge_neutral=charge_neutral,
        temperature=temperature,
        allow_known=allow_known,
        vary_geometry=vary_geometry,
    )
    with reserved_folder(out, overwrite=overwrite):
        import torch

        from crystalgen.generation.generator import Generator

        # small matrices: a second thread costs more than it gains, processes do not
        torch.set_num_threads(1)
        generator = Generator.load(checkpoint, device=device)
        run = generator.sample(
            request, seed=seed, workers=workers or _workers(n), batch_size=batch_size
        )
        if not as_json:
            weights = generator.weights
            typer.echo(f"weights: {weights.name} (SHA-256 {weights.sha256[:12]})")
        manifest, number = _write(
            out, generator, run, formats=chosen, started=started, quiet=as_json
        )
    _report(manifest, out, as_json=as_json)
    if number:
        typer.echo(
            f"stopped: {manifest.counts.written} finished crystals are kept in {out}",
            err=True,
        )
        raise typer.Exit(128 + number)
    if not manifest.counts.written:
        raise ExportError(f"no crystal was written: {manifest.reason}")


def _workers(n: int) -> int:
    """Processes worth starting for so many crystals."""
    from crystalgen.datasets.pool import available_cores

    return available_cores() if n >= MANY else 1


def _write(
    out: Path,
    generator: "Generator",
    run: "Sampling",
    *,
    formats: tuple[Format, ...],
    started: float,
    quiet: bool,
) -> "tuple[Manifest, int]":
    """Write the crystals as they come; also which signal ended the run, or 0."""
    from crystalgen.export.writer import RunWriter

    manifest = _first_manifest(generator, run, formats)
    console = Console(stderr=True)
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=quiet or not console.is_terminal,
    )
    with (
        RunWriter(out, manifest, formats=formats, started=started) as writer,
        stoppable(run) as candidates,
    ):
        with bar:
            task = bar.add_task("crystals", total=run.request.n)
            for candidate in candidates:
                _add(writer, candidate, manifest.run)
                bar.advance(task)
        finished = _finish(writer, run, candidates.signal)
    return finished, candidates.signal if finished.status == "interrupted" else 0


def _finish(writer: "RunWriter", run: "Sampling", ended: int) -> "Manifest":
    """Complete the folder and say how the run ended."""
    from crystalgen.export.manifest import Counts

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


def _first_manifest(
    generator: "Generator", run: "Sampling", formats: tuple[Format, ...]
) -> "Manifest":
    from crystalgen.export.manifest import Counts, Manifest
    from crystalgen.generation.request_json import to_fields

    return Manifest(
        command=shlex.join(["crystalgen", *sys.argv[1:]]),
        request=to_fields(run.request),
        seed=run.seed,
        weights=generator.weights.name,
        weights_sha256=generator.weights.sha256,
        formats=tuple(each.value for each in formats),
        counts=Counts(asked=run.request.n),
        started=datetime.now(UTC).astimezone().isoformat(timespec="seconds"),
    )


def _add(writer: "RunWriter", candidate: "Candidate", run: str) -> None:
    from crystalgen.export.record import CrystalRecord

    codes = candidate.codes
    flags = () if candidate.is_neutral else ("usual oxidation states do not cancel",)
    writer.add(
        CrystalRecord(
            identifier=f"{run}-{candidate.index:06d}-{candidate.formula}",
            index=candidate.index,
            crystal=candidate.crystal,
            codes=(codes.crystal, *codes.roles, *codes.orbits),
            log_prob=candidate.log_prob,
            flags=flags,
        )
    )


def _report(manifest: "Manifest", out: Path, *, as_json: bool) -> None:
    """Print what came of the run."""
    from crystalgen.export.manifest import to_json

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
