"""`crystalgen decorate`: put elements on the sites of a lattice and rank them."""

import hashlib
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console
from rich.progress import Progress

from crystalgen.cli.machine_options import check_device, parse_format_option
from crystalgen.cli.report import user_errors
from crystalgen.errors import CrystalgenError, DatasetError, ExportError

if TYPE_CHECKING:
    from pymatgen.core import Structure

    from crystalgen.decoration import Decorating


def parse_names(text: str) -> tuple[str, ...]:
    """Read a list such as "Fe,2b".

    >>> parse_names(" Fe, 2b,Fe,")
    ('Fe', '2b')
    """
    parts = (part.strip() for part in text.split(","))
    return tuple(dict.fromkeys(part for part in parts if part))


def parse_supercell(text: str) -> tuple[int, int, int]:
    """Read three multiples such as "2,2,1"."""
    parts = [part.strip() for part in text.split(",")]
    if len(parts) != 3 or not all(part.isdecimal() for part in parts):
        raise typer.BadParameter(
            f"got {text!r}; expected three multiples, for example 2,2,1",
            param_hint="'--supercell'",
        )
    a, b, c = map(int, parts)
    return a, b, c


@user_errors
def decorate(
    host: Annotated[
        Path, typer.Argument(help="The lattice: a CIF, POSCAR or extxyz file.")
    ],
    n: Annotated[
        int, typer.Option("--n", min=1, help="Most decorations to write.")
    ] = 100,
    sites: Annotated[
        str,
        typer.Option(
            help="Sites to decorate, by element or Wyckoff position: Fe,2b; all if"
            " unset."
        ),
    ] = "",
    keep: Annotated[
        str, typer.Option(help="Elements of the host that stay as they are: O,F.")
    ] = "",
    elements: Annotated[
        str, typer.Option(help="Elements to choose from: Li,Na,K; all if unset.")
    ] = "",
    formula: Annotated[
        str, typer.Option(help="Formula of the whole crystal: LiFeO2; any if unset.")
    ] = "",
    apart: Annotated[
        bool,
        typer.Option(
            "--apart",
            help="Each inequivalent site gets an element of its own; else sites that"
            " share an element in the host share the new one.",
        ),
    ] = False,
    supercell: Annotated[
        str, typer.Option(help="Multiples of the vectors in the file: 2,2,1.")
    ] = "1,1,1",
    symmetry: Annotated[
        Literal["kept", "lowered"],
        typer.Option(
            help="kept: equivalent sites stay so (in a supercell under a subgroup"
            " without the old translations); lowered: each atom is by itself."
        ),
    ] = "kept",
    cell: Annotated[
        Literal["unchanged", "rescaled"],
        typer.Option(help="The host's cell, or the volume of the new elements."),
    ] = "unchanged",
    allow_known: Annotated[
        bool,
        typer.Option("--allow-known", help="Also write crystals of the training data."),
    ] = False,
    temperature: Annotated[
        float,
        typer.Option(help="Of the search where there are too many to try them all."),
    ] = 1.0,
    seed: Annotated[
        int, typer.Option(min=0, help="Same seed and request, same crystals.")
    ] = 0,
    out: Annotated[
        Path, typer.Option(help="Folder to write to; a new or an empty one.")
    ] = Path("decorated"),
    formats: Annotated[
        str, typer.Option("--format", help="cif, poscar, extxyz, json, or several.")
    ] = "cif",
    checkpoint: Annotated[
        Path | None,
        typer.Option(help="Weights of yours, or those inside: mp-20, perov-5."),
    ] = None,
    device: Annotated[
        str, typer.Option(callback=check_device, help="auto, cpu, cuda or mps.")
    ] = "auto",
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the run in the folder.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the manifest as JSON, nothing else.")
    ] = False,
) -> None:
    """Put elements on the sites of a lattice, and rank the crystals by likelihood.

    The lattice stays: its positions, and its cell unless --cell says otherwise. The
    folder is that of `crystalgen generate`, the best crystal first; log_prob is the
    score in nats, up to a constant of the lattice.

    For example

    crystalgen decorate host.cif --sites Fe

    crystalgen decorate host.cif --keep O --elements Li,Na,Mn,Fe,Co --cell rescaled

    crystalgen decorate host.cif --supercell 2,2,1 --symmetry lowered --sites Ti
    --apart --formula Sr2TiZrO6
    """
    started = time.monotonic()
    chosen = parse_format_option(formats)
    multiples = parse_supercell(supercell)
    # imported here because torch and pymatgen cost seconds that --help must not pay
    from crystalgen.cli.decoration_output import report, write
    from crystalgen.decoration.request import DecorationRequest
    from crystalgen.export.run_folder import reserved_folder

    request = DecorationRequest(
        n=n,
        sites=parse_names(sites),
        keep=parse_names(keep),
        elements=parse_names(elements),
        formula=formula,
        sharing="apart" if apart else "together",
        cell=cell,
        supercell=multiples,
        symmetry=symmetry,
        temperature=temperature,
        allow_known=allow_known,
    )
    structure, sha256 = _read(host)
    with reserved_folder(out, overwrite=overwrite):
        import torch

        from crystalgen.decoration import Decorating
        from crystalgen.generation.weights import load_weights

        torch.set_num_threads(1)  # small matrices: a second thread gains nothing
        weights = load_weights(checkpoint, device=device)
        run = Decorating(
            weights=weights, request=request, structure=structure, seed=seed
        )
        if not as_json:
            typer.echo(f"weights: {weights.name} (SHA-256 {weights.sha256[:12]})")
            typer.echo(f"host: {run.host.description}; open: {run.open_sites}")
        _score(run, quiet=as_json)
        if run.is_empty:
            raise ExportError(f"no decoration can be written: {run.shortfall}")
        written = write(
            out, run, chosen, host=host.name, sha256=sha256, started=started
        )
    report(written, out, as_json=as_json)
    if written.signal:
        raise typer.Exit(128 + written.signal)


def _read(path: Path) -> "tuple[Structure, str]":
    """The host and the SHA-256 of its text."""
    from crystalgen.datasets.folder import read_one
    from crystalgen.datasets.parsing import parse
    from crystalgen.representation.conversion import from_structure

    payload = read_one(path)
    try:
        structure = parse(payload)
        from_structure(structure)  # refuses what no weights could read
    except CrystalgenError as error:
        raise DatasetError(f"{path}: {error}") from error
    return structure, hashlib.sha256(payload.text.encode()).hexdigest()


def _score(run: "Decorating", *, quiet: bool) -> None:
    """Score decorations under a progress bar."""
    console = Console(stderr=True)
    with Progress(
        console=console, transient=True, disable=quiet or not console.is_terminal
    ) as bar:
        task = bar.add_task("score", total=None)
        for done, total in run.prepare():
            bar.update(task, completed=done, total=total)
