"""`crystalgen latent`: what the codebooks are about."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from crystalgen.cli.encode import read_watched
from crystalgen.cli.model_options import Checkpoint, Device, PassOver, Workers, load
from crystalgen.cli.report import user_errors

if TYPE_CHECKING:
    from crystalgen.latent.information import Information
    from crystalgen.latent.mapping import LatentMap

app = typer.Typer(
    help="What the codebooks are about.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)

TABLE = "map.csv"
PICTURE = "map.png"


@app.callback()
def main() -> None:
    """What the codebooks are about."""


@app.command("map")
@user_errors
def map_(
    crystals: Annotated[
        list[str],
        typer.Argument(
            help="Real crystals, best some thousands that the weights have not seen: a"
            " cache of `data build`, a table with a cif column, or a folder of files.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path, typer.Option(help="Folder to write to; a new or an empty one.")
    ] = Path("latent-map"),
    n: Annotated[
        int | None, typer.Option("--n", min=1, help="Only the first ones.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the shuffled labels.")] = 0,
    pass_over: PassOver = False,
    checkpoint: Checkpoint = None,
    device: Device = "auto",
    workers: Workers = None,
) -> None:
    """Measure what each codebook says about element, group, neighbours and gap.

    The figure is the mutual information in bits, less what codes seem to say about
    shuffled labels, and the share of what it could be at most. Writes a table, map.csv,
    and a picture, map.png. Gaps are looked for in the property band_gap.

    For example

    crystalgen data build val.csv.gz --out val.safetensors

    crystalgen latent map val.safetensors
    """
    # imported here because torch and pymatgen cost seconds that --help must not pay
    from crystalgen.cli.crystal_inputs import read_all
    from crystalgen.datasets.pool import available_cores
    from crystalgen.evaluation.table import to_csv
    from crystalgen.export.run_folder import disk_error, reserved_folder, write_whole
    from crystalgen.latent.labels import facts_of
    from crystalgen.latent.mapping import latent_map
    from crystalgen.latent.table import map_rows

    console = Console(stderr=True)
    with reserved_folder(out):
        weights = load(checkpoint, device)
        inputs = read_all(
            crystals,
            weights,
            pass_over=pass_over,
            n_workers=workers or available_cores(),
            console=console,
            limit=n,
        )
        readings = read_watched(weights, inputs, console, rounds=0)
        watched = track(
            zip(readings, inputs, strict=True),
            "neighbours",
            total=len(inputs),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        facts = [
            facts_of(reading.crystal, band_gap=each.band_gap)
            for reading, each in watched
        ]
        found = latent_map(readings, facts, seed=seed)
        picture = _picture(found, weights.name)
        try:
            write_whole(out / TABLE, to_csv(map_rows(found)))
            write_whole(out / PICTURE, picture)
        except OSError as error:
            raise disk_error(out, error) from error
    _print(found)
    typer.echo(
        f"{found.n_crystals} crystals, weights {weights.name}, seed {seed}: "
        f"{out / TABLE}, {out / PICTURE}"
    )


def _picture(found: "LatentMap", weights: str) -> bytes:
    import numpy as np

    from crystalgen.export.picture import heat_map
    from crystalgen.latent.labels import LABELS

    shape = (len(found.codebooks), len(LABELS))
    each = [entry.information for entry in found.entries]
    shares = np.array([np.nan if one is None else one.share for one in each])
    texts = ["" if one is None else f"{one.bits:.2f}" for one in each]
    return heat_map(
        np.clip(shares, 0, 1).reshape(shape),
        np.array(texts).reshape(shape).tolist(),
        rows=found.codebooks,
        columns=LABELS,
        title=f"Information of codes about labels, bits; {weights}, "
        f"n = {found.n_crystals} crystals",
        scale="share of the most it could be",
    )


def _print(found: "LatentMap") -> None:
    from crystalgen.latent.labels import LABELS

    table = Table(title="bits (share of the most it could be)")
    table.add_column("codebook")
    for label in LABELS:
        table.add_column(label, justify="right")
    for codebook in found.codebooks:
        entries = [each for each in found.entries if each.codebook == codebook]
        table.add_row(codebook, *(_cell(each.information) for each in entries))
    Console().print(table)


def _cell(found: "Information | None") -> str:
    if found is None:
        return "unknown"
    share = "-" if math.isnan(found.share) else f"{found.share:.0%}"
    return f"{found.bits:.2f} ({share})"
