"""`crystalgen calibrate`: make the intervals of `crystalgen predict` true."""

from pathlib import Path
from typing import Annotated

import typer

from crystalgen.cli.model_options import Device, Overwrite, load
from crystalgen.cli.report import user_errors
from crystalgen.errors import ExportError


@user_errors
def calibrate(
    weights: Annotated[
        Path, typer.Argument(help="Weights of yours, trained with [model] properties.")
    ],
    held_out: Annotated[
        Path,
        typer.Argument(
            metavar="CACHE",
            help="A cache of labelled crystals that were not trained on, such as the"
            " validation data.",
        ),
    ],
    out: Annotated[Path, typer.Option(help="Where to write the calibrated weights.")],
    device: Device = "auto",
    overwrite: Overwrite = False,
) -> None:
    """Measure errors of predicted properties, and write weights that know them.

    `crystalgen train` does so at the end of a run with validation data; this is for
    weights trained otherwise, or for other crystals. The networks stay as they are,
    but the SHA-256 of the file changes. Test the coverage on crystals that are neither
    in the training data nor in CACHE.

    For example

    crystalgen calibrate model.safetensors val.safetensors --out calibrated.safetensors
    """
    if out.exists() and not overwrite:
        raise ExportError(
            f"{out}: exists already; choose another name with --out, or replace it "
            "with --overwrite"
        )
    # imported here because torch and pymatgen cost seconds that --help must not pay
    from crystalgen.datasets.cache import read_cache
    from crystalgen.generation.calibration import calibrate as measured, save_calibrated

    crystals, graphs = read_cache(held_out)
    networks = load(weights, device)
    arrays = measured(networks, crystals, graphs)
    sha256 = save_calibrated(weights, arrays, out)
    counts = ", ".join(
        f"{name} on {int(n)}"
        for name, n in zip(networks.config.properties, arrays.n, strict=True)
    )
    typer.echo(f"calibrated: {counts} crystals; written: {out} (SHA-256 {sha256[:12]})")
