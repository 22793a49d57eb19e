"""`crystalgen data split`: a cache in parts that share no prototype."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from crystalgen.cli.report import user_errors


@user_errors
def split(
    cache: Annotated[Path, typer.Argument(help="A cache that `data build` wrote.")],
    out: Annotated[
        Path,
        typer.Option(help="Folder for train, val and test .safetensors."),
    ],
    hold_out_prototypes: Annotated[
        float,
        typer.Option(
            help="Share of the prototypes to set aside, half of them for val and half"
            " for test.",
        ),
    ] = 0.1,
    seed: Annotated[int, typer.Option(min=0, help="Which prototypes.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Split a cache so that no prototype of val or test occurs in train.

    A prototype is the space group, the Wyckoff positions and which of them share an
    element. The same seed gives the same files.
    """
    if not 0 < hold_out_prototypes < 1:
        raise typer.BadParameter(
            f"got {hold_out_prototypes:g}; expected a share between 0 and 1, both"
            " excluded",
            param_hint="--hold-out-prototypes",
        )
    from crystalgen.datasets.held_out import part_path, split_cache

    progress = Console(stderr=True, quiet=as_json)
    with progress.status("name prototypes"):
        parts = split_cache(cache, out, share=hold_out_prototypes, seed=seed)
    if as_json:
        figures = {
            part.name: {"crystals": len(part.rows), "prototypes": part.n_prototypes}
            for part in parts
        }
        typer.echo(json.dumps(figures))
        return
    table = Table("part", "crystals", "prototypes", "file")
    for part in parts:
        n_crystals, n_prototypes = f"{len(part.rows):,}", f"{part.n_prototypes:,}"
        table.add_row(part.name, n_crystals, n_prototypes, str(part_path(out, part)))
    Console().print(table)
