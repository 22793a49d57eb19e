"""`crystalgen predict`: properties of crystals, with intervals."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from crystalgen.cli.encode import check_table
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

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from crystalgen.cli.crystal_inputs import Input
    from crystalgen.evaluation.table import Row
    from crystalgen.generation.prediction import Prediction
    from crystalgen.generation.weights import Weights

FEW = 20
"""Crystals up to which predictions are shown, too."""


@user_errors
def predict(
    crystals: Crystals,
    out: Annotated[
        Path, typer.Option(help="Table to write, as .csv or as .jsonl.")
    ] = Path("properties.csv"),
    pass_over: PassOver = False,
    checkpoint: Checkpoint = None,
    device: Device = "auto",
    workers: Workers = None,
    overwrite: Overwrite = False,
) -> None:
    """Predict the properties that the weights were trained with, a row per crystal.

    Each property comes as its median, in the unit of the training data, and as the
    intervals that hold it with 50, 80 and 95 %: band_gap, band_gap_50_low,
    band_gap_50_high and so on. `crystalgen calibrate` makes these shares true for
    crystals like those trained on; crystals unlike them may be further off.

    For example

    crystalgen predict NaCl.cif

    crystalgen predict crystals/ --out predicted.jsonl
    """
    check_table(out, overwrite=overwrite)
    # imported here because torch and pymatgen cost seconds that --help must not pay
    from crystalgen.cli.crystal_inputs import read_all
    from crystalgen.datasets.pool import available_cores
    from crystalgen.evaluation.table import to_csv, to_jsonl
    from crystalgen.export.run_folder import disk_error, write_whole
    from crystalgen.generation.prediction import check_predicts

    console = Console(stderr=True)
    weights = load(checkpoint, device)
    check_predicts(weights)
    inputs = read_all(
        crystals,
        weights,
        pass_over=pass_over,
        n_workers=workers or available_cores(),
        console=console,
    )
    found = _watched(weights, inputs, console)
    rows = [_row(*pair) for pair in zip(inputs, found, strict=True)]
    try:
        write_whole(out, to_csv(rows) if out.suffix == ".csv" else to_jsonl(rows))
    except OSError as error:
        raise disk_error(out, error) from error
    if len(rows) <= FEW:
        _print(inputs, found)
    if weights.networks.statistics.calibration is None:
        typer.echo(
            "not calibrated: intervals are as the networks say them and may hold less "
            "or more; crystalgen calibrate makes them true"
        )
    typer.echo(f"crystals: {len(rows)}; weights: {weights.name}; written: {out}")


def _watched(
    weights: "Weights", inputs: "Sequence[Input]", console: Console
) -> "list[dict[str, Prediction]]":
    """Predict, and show how far it is."""
    from crystalgen.generation.prediction import predict as predicted

    crystals = [each.crystal for each in inputs if each.crystal is not None]
    return list(
        track(
            predicted(weights, crystals),
            "predict",
            total=len(crystals),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
    )


def _row(each: "Input", found: "Mapping[str, Prediction]") -> "Row":
    crystal = each.crystal
    row: Row = {
        "id": each.identifier,
        "formula": crystal and crystal.formula,
        "space_group": crystal and crystal.space_group,
    }
    for name, prediction in found.items():
        row |= prediction.columns(name)
    return row


def _print(
    inputs: "Sequence[Input]", found: "Sequence[Mapping[str, Prediction]]"
) -> None:
    table = Table(caption="median, and the interval that holds 80 %")
    for name in ("crystal", "formula", *found[0]):
        table.add_column(name, overflow="fold")
    for each, predictions in zip(inputs, found, strict=True):
        cells = [
            f"{one.median:.3f} ({one.intervals[1][0]:.3f} to {one.intervals[1][1]:.3f})"
            for one in predictions.values()
        ]
        formula = each.crystal.formula if each.crystal else ""
        table.add_row(each.identifier, formula, *cells)
    Console().print(table)
