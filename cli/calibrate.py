"""`crystalgen calibrate`: make what weights say of crystals true."""

from pathlib import Path
from typing import Annotated

import typer

from crystalgen.cli.model_options import Device, Overwrite, load
from crystalgen.cli.report import user_errors
from crystalgen.errors import ExportError


@user_errors
def calibrate(
    weights: Annotated[
        Path,
        typer.Argument(
            help="Weights of yours, trained with [model] properties, or taught."
        ),
    ],
    held_out: Annotated[
        Path,
        typer.Argument(
            metavar="CACHE_OR_RUN",
            help="A cache of labelled crystals that were not trained on, such as the"
            " validation data; with --energies, the folder of a run of the weights.",
        ),
    ],
    out: Annotated[Path, typer.Option(help="Where to write the calibrated weights.")],
    energies: Annotated[
        Path | None,
        typer.Option(
            metavar="TABLE",
            help="CSV or JSON lines with id and e_above_hull (eV/atom) of crystals of"
            " the run as they were drawn; makes the weights tell how likely a crystal"
            " is stable.",
            show_default=False,
        ),
    ] = None,
    device: Device = "auto",
    overwrite: Overwrite = False,
) -> None:
    """Measure how far predictions are off, and write weights that know it.

    Of properties, the errors on labelled crystals make the intervals of `crystalgen
    predict` true. `crystalgen train` does so at the end of a run with validation data;
    this is for weights trained otherwise, or for other crystals. Test the coverage on
    crystals that are neither in the training data nor in CACHE.

    With --energies, some hundred computed energies of a run make `crystalgen generate`
    tell how likely each crystal lies within 0.1 eV/atom of the hull, and find those
    that do so with --min-stability.

    The networks stay as they are, but the SHA-256 of the file changes.

    For example

    crystalgen calibrate model.safetensors val.safetensors --out calibrated.safetensors

    crystalgen generate --n 1000 --checkpoint taught.safetensors --out drawn

    crystalgen calibrate taught.safetensors drawn --energies energies.csv --out
    calibrated.safetensors
    """
    if out.exists() and not overwrite:
        raise ExportError(
            f"{out}: exists already; choose another name with --out, or replace it "
            "with --overwrite"
        )
    if energies is None:
        what, sha256 = _of_properties(weights, held_out, out, device)
    else:
        what, sha256 = _of_stability(weights, held_out, energies, out)
    typer.echo(f"calibrated: {what}; written: {out} (SHA-256 {sha256[:12]})")


def _of_properties(
    weights: Path, held_out: Path, out: Path, device: str
) -> tuple[str, str]:
    """Calibrate properties; returns what was done, and the SHA-256."""
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
    return f"{counts} crystals", sha256


def _of_stability(
    weights: Path, run: Path, energies: Path, out: Path
) -> tuple[str, str]:
    """Calibrate how likely crystals are stable; returns what was done, and the hash."""
    from crystalgen.cli.energies import read_expected
    from crystalgen.export.run_folder import read_manifest
    from crystalgen.generation.calibration import calibrate_stability, save_stability
    from crystalgen.generation.weights import read_weights
    from crystalgen.model.stability import WITHIN

    used, given = read_manifest(run).weights_sha256, read_weights(weights).sha256
    if used != given:
        raise ExportError(
            f"{run}: was drawn by weights {used[:12]}; expected a run of {weights}, "
            f"which are {given[:12]}"
        )
    above_hull, unrest, computed = read_expected(run, energies)
    coefficients = calibrate_stability(above_hull, unrest, computed <= WITHIN)
    sha256 = save_stability(weights, coefficients, out)
    share = (computed <= WITHIN).mean()
    return f"stability on {len(computed)} crystals, {share:.0%} of them stable", sha256
