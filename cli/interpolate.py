"""`crystalgen interpolate`: a row of crystals from one to another."""

import time
from pathlib import Path
from typing import Annotated

import typer

from crystalgen.cli.model_options import Checkpoint, Device, Overwrite, load
from crystalgen.cli.report import user_errors


@user_errors
def interpolate(
    start: Annotated[
        Path,
        typer.Argument(
            help="A CIF, POSCAR or extxyz file of one crystal.", show_default=False
        ),
    ],
    end: Annotated[
        Path, typer.Argument(help="Another one, to walk to.", show_default=False)
    ],
    steps: Annotated[
        int, typer.Option(min=2, help="Crystals, both ends included, at most.")
    ] = 9,
    out: Annotated[
        Path, typer.Option(help="Folder to write to; a new or an empty one.")
    ] = Path("interpolation"),
    checkpoint: Checkpoint = None,
    device: Device = "auto",
    overwrite: Overwrite = False,
) -> None:
    """Walk from one crystal to another, code by code, through valid crystals.

    Each step takes codes over from the end, and none back; what is changed next is what
    leaves the codes most likely. Both ends are reconstructions. All crystals are valid:
    distances, space group and, if those of both ends cancel, charges. Steps that are
    not, or change nothing, are left out and counted. The folder gets a CIF of each,
    crystals.jsonl and manifest.json as of a run, steps.csv with all steps that were
    looked at, and one picture, row.png.

    For example

    crystalgen interpolate NaCl.cif KBr.cif

    crystalgen interpolate NaCl.cif SrTiO3.cif --steps 5 --out two-templates
    """
    started = time.monotonic()
    # imported here because torch and pymatgen cost seconds that --help must not pay
    from crystalgen.cli.crystal_inputs import read_one
    from crystalgen.cli.walk_folder import print_walk, write_walk
    from crystalgen.export.run_folder import reserved_folder
    from crystalgen.latent import interpolation

    with reserved_folder(out, overwrite=overwrite):
        one, two = read_one(start), read_one(end)
        weights = load(checkpoint, device)
        walk = interpolation.interpolate(weights, one, two, steps=steps)
        write_walk(
            out,
            walk,
            weights,
            title=f"from {one.formula} to {two.formula}",
            request={"start": start.name, "end": end.name, "n": steps},
            started=started,
        )
    print_walk(walk, out)
