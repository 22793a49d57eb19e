"""`crystalgen generate`: draw crystals and write them to a run folder."""

import shlex
import sys
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from crystalgen.cli import machine_options as machine, request_options as asked
from crystalgen.cli.report import user_errors

if TYPE_CHECKING:
    from crystalgen.export.formats import Format
    from crystalgen.export.manifest import Manifest
    from crystalgen.generation.generator import Generator
    from crystalgen.generation.request import Request

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
    condition: asked.Conditions = None,
    guidance: asked.Guidance = None,
    temperature: asked.Temperature = 1.0,
    choices: asked.Choices = 8,
    allow_known: asked.AllowKnown = False,
    vary_geometry: asked.VaryGeometry = False,
    min_stability: asked.MinStability = 0.0,
    formats: machine.FormatNames = "cif",
    checkpoint: machine.Checkpoint = None,
    device: machine.Device = "auto",
    batch_size: machine.BatchSize = 128,
    workers: machine.Workers = None,
    overwrite: machine.Overwrite = False,
    resume: machine.Resume = None,
    dry_run: machine.DryRun = False,
    as_json: machine.AsJson = False,
) -> None:
    """Draw new crystals and write each as a symmetrised CIF.

    The folder also gets crystals.jsonl, with a line for each crystal, and
    manifest.json, with what was asked and what came of it.

    Ctrl-C keeps all finished crystals; --resume FOLDER draws the rest.

    For example

    crystalgen generate --n 100

    crystalgen generate --n 50 --space-group 225,216 --max-atoms 10 --out cubic

    crystalgen generate --n 20 --chemical-system Li-Fe-P-O --out phosphates

    crystalgen generate --n 20 --formula SrTiO3 --crystal-system cubic --out titanates

    crystalgen generate --n 20 --require Li --exclude Pb --n-elements 3-4 --out lithium

    crystalgen generate --n 50 --condition band_gap=1:3 --out semiconductors

    crystalgen generate --n 100 --min-stability 0.9 --out stable

    crystalgen generate --n 1000 --seed 1 --format cif,poscar --out more

    crystalgen generate --n 1000 --formula LiFePO4 --dry-run

    crystalgen generate --resume more
    """
    values, started = locals(), time.monotonic()
    place = _Machine(
        checkpoint=checkpoint, device=device, batch_size=batch_size, workers=workers
    )
    if resume is not None:
        machine.refuse_others(generate, values)
        _go_on(resume, place, started, as_json=as_json)
        return
    chosen = machine.parse_format_option(formats)
    space_groups = asked.parse_space_groups(space_group)
    limits = asked.parse_range(n_elements)
    conditions = asked.parse_conditions(condition or ())
    # imported here because torch and pymatgen cost seconds that --help must not pay
    from crystalgen.generation.request import GUIDANCE, Request

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
        choices=choices,
        allow_known=allow_known,
        vary_geometry=vary_geometry,
        min_stability=min_stability,
        conditions=conditions,
        guidance=GUIDANCE if guidance is None else guidance,
    )
    if dry_run:
        from crystalgen.cli.dry_run import say_what_would_be

        say_what_would_be(place.generator(), request, seed=seed, as_json=as_json)
        return
    from crystalgen.cli.generation_run import RunPlan, carry_out
    from crystalgen.export.run_folder import reserved_folder

    with reserved_folder(out, overwrite=overwrite):
        generator = place.generator()
        run = generator.sample(
            request,
            seed=seed,
            workers=workers or _workers(n),
            batch_size=batch_size,
        )
        _name_weights(generator, quiet=as_json)
        manifest = _first_manifest(generator, request, seed, chosen)
        plan = RunPlan(out=out, manifest=manifest, started=started)
        carry_out(plan, run, as_json=as_json)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Machine:
    """What draws the crystals."""

    checkpoint: Path | None
    device: str
    batch_size: int
    workers: int | None

    def generator(self) -> "Generator":
        """Load the weights."""
        import torch

        from crystalgen.generation.generator import Generator

        # small matrices: a second thread costs more than it gains, processes do not
        torch.set_num_threads(1)
        return Generator.load(self.checkpoint, device=self.device)


def _go_on(folder: Path, place: _Machine, started: float, *, as_json: bool) -> None:
    """Draw what is missing of the run in a folder."""
    from crystalgen.cli.generation_run import carry_out, report
    from crystalgen.cli.resumption import (
        check_weights,
        interrupted_run,
        progress_of,
        weights_of,
    )
    from crystalgen.generation.request_json import from_fields

    plan = interrupted_run(folder, started)
    if plan.manifest.status == "complete":
        report(plan.manifest, folder, as_json=as_json)
        return
    request = from_fields(plan.manifest.request, where=f"{folder}: request")
    checkpoint = place.checkpoint or weights_of(plan)
    generator = replace(place, checkpoint=checkpoint).generator()
    check_weights(plan, generator.weights.sha256)
    run = generator.sample(
        request,
        seed=plan.manifest.seed,
        workers=place.workers or _workers(request.n - len(plan.earlier)),
        batch_size=place.batch_size,
        progress=progress_of(plan),
    )
    _name_weights(generator, quiet=as_json)
    carry_out(plan, run, as_json=as_json)


def _name_weights(generator: "Generator", *, quiet: bool) -> None:
    if not quiet:
        weights = generator.weights
        typer.echo(f"weights: {weights.name} (SHA-256 {weights.sha256[:12]})")


def _workers(n: int) -> int:
    """Processes worth starting for so many crystals."""
    from crystalgen.datasets.pool import available_cores

    return available_cores() if n >= MANY else 1


def _first_manifest(
    generator: "Generator",
    request: "Request",
    seed: int,
    formats: "tuple[Format, ...]",
) -> "Manifest":
    from crystalgen.export.manifest import Counts, Manifest
    from crystalgen.generation.request_json import to_fields

    return Manifest(
        command=shlex.join(["crystalgen", *sys.argv[1:]]),
        request=to_fields(request),
        seed=seed,
        weights=generator.weights.name,
        weights_sha256=generator.weights.sha256,
        formats=tuple(each.value for each in formats),
        counts=Counts(asked=request.n),
        started=datetime.now(UTC).astimezone().isoformat(timespec="seconds"),
    )
