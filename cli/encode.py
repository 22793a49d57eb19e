"""`crystalgen encode`: crystals to codes that a person can read."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from crystalgen.cli.model_options import (
    Checkpoint,
    Crystals,
    Device,
    Overwrite,
    PassOver,
    Workers,
    load,
)
from crystalgen.cli.report import user_errors
from crystalgen.errors import ExportError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crystalgen.cli.crystal_inputs import Input
    from crystalgen.generation.weights import Weights
    from crystalgen.latent.reading import Reading

SUFFIXES = (".csv", ".jsonl")


@user_errors
def encode(
    crystals: Crystals,
    out: Annotated[
        Path, typer.Option(help="Table to write, as .csv or as .jsonl.")
    ] = Path("codes.csv"),
    search_rounds: Annotated[
        int,
        typer.Option(
            min=0,
            help="Rounds of the search for codes that are decoded nearer to a crystal "
            "than the most probable ones, 60 ms for each; 0 takes those, in 1 ms.",
        ),
    ] = 6,
    pass_over: PassOver = False,
    checkpoint: Checkpoint = None,
    device: Device = "auto",
    workers: Workers = None,
    overwrite: Overwrite = False,
) -> None:
    """Write the discrete codes of crystals, a row for each.

    Codes are those of each element (species1.1 ...), of the cell (cell.1 ...) and of
    each orbit with free coordinates (orbit2.1 ...). With them come space group,
    Wyckoff letters, elements, and the log-likelihood of codes and elements given the
    positions. The codes of one crystal alone are shown, too, with the numbers by which
    `crystalgen traverse --code` knows them.

    For example

    crystalgen encode NaCl.cif

    crystalgen encode crystals/ --out codes.jsonl
    """
    check_table(out, overwrite=overwrite)
    # imported here because torch and pymatgen cost seconds that --help must not pay
    from crystalgen.cli.crystal_inputs import read_all
    from crystalgen.datasets.pool import available_cores
    from crystalgen.evaluation.table import to_csv, to_jsonl
    from crystalgen.export.run_folder import disk_error, write_whole
    from crystalgen.latent.table import code_rows

    console = Console(stderr=True)
    weights = load(checkpoint, device)
    inputs = read_all(
        crystals,
        weights,
        pass_over=pass_over,
        n_workers=workers or available_cores(),
        console=console,
    )
    readings = read_watched(weights, inputs, console, rounds=search_rounds)
    rows = code_rows([each.identifier for each in inputs], readings)
    try:
        write_whole(out, to_csv(rows) if out.suffix == ".csv" else to_jsonl(rows))
    except OSError as error:
        raise disk_error(out, error) from error
    if len(readings) == 1:
        _print(readings[0])
    typer.echo(f"crystals: {len(rows)}; weights: {weights.name}; written: {out}")


def read_watched(
    weights: "Weights", inputs: "Sequence[Input]", console: Console, *, rounds: int
) -> "list[Reading]":
    """Encode crystals, and show how far it is.

    Args:
        weights: The networks.
        inputs: The crystals.
        console: Where to show it.
        rounds: Of the search for better codes.
    """
    from crystalgen.latent.reading import read_codes

    found = [each.crystal for each in inputs if each.crystal is not None]
    return list(
        track(
            read_codes(weights, found, rounds=rounds),
            "encode",
            total=len(found),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
    )


def check_table(out: Path, *, overwrite: bool) -> None:
    """Refuse a place for a table, before the work is done.

    Raises:
        ExportError: Not .csv or .jsonl, no folder for it, or something is there.
    """
    if out.suffix not in SUFFIXES:
        raise ExportError(f"{out}: expected a name that ends in .csv or .jsonl")
    if not out.parent.is_dir():
        raise ExportError(f"{out}: no such folder {out.parent}; create it first")
    if out.is_dir() or (out.exists() and not overwrite):
        raise ExportError(
            f"{out}: exists already; choose another name with --out, or replace it "
            "with --overwrite"
        )


def _print(reading: "Reading") -> None:
    crystal = reading.crystal
    table = Table(title=f"{crystal.formula} {crystal.label}")
    table.add_column("number", justify="right")
    table.add_column("code")
    table.add_column("of")
    table.add_column("value", justify="right")
    for number, slot in enumerate(reading.slots, start=1):
        value = reading.by_name[slot.name]
        table.add_row(str(number), slot.name, reading.about(slot), str(value))
    Console().print(table)
    typer.echo(f"log-likelihood {reading.log_likelihood:.2f}")
