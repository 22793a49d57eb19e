"""Options and steps that all commands which read codes share."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from crystalgen.cli.machine_options import check_device

if TYPE_CHECKING:
    from crystalgen.generation.weights import Weights

Crystals = Annotated[
    list[str],
    typer.Argument(
        help="CIF, POSCAR or extxyz files, folders of them, runs of `generate`,"
        " tables with a cif column, caches of `data build`.",
        show_default=False,
    ),
]
Workers = Annotated[
    int | None, typer.Option(min=1, help="Processes; one for each core if unset.")
]
Checkpoint = Annotated[
    Path | None,
    typer.Option(
        help="Weights of yours, or those inside: mp-20, perov-5 or carbon-24."
    ),
]
Device = Annotated[
    str, typer.Option(callback=check_device, help="auto, cpu, cuda or mps.")
]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace what an earlier run wrote there.")
]
PassOver = Annotated[
    bool,
    typer.Option(
        "--pass-over", help="Leave out crystals that cannot be read; else give up."
    ),
]


def load(checkpoint: Path | None, device: str) -> "Weights":
    """Load the weights, for one thread: matrices are small."""
    import torch

    from crystalgen.generation.weights import load_weights

    torch.set_num_threads(1)
    return load_weights(checkpoint, device=device)
