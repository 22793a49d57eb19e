"""`crystalgen traverse`: a row of crystals with one code changed."""

import time
from pathlib import Path
from typing import Annotated

import typer

from crystalgen.cli.model_options import Checkpoint, Device, Overwrite, load
from crystalgen.cli.report import user_errors


@user_errors
def traverse(
    crystal: Annotated[
        Path,
        typer.Argument(
            help="A CIF, POSCAR or extxyz file of one crystal.", show_default=False
        ),
    ],
    code: Annotated[
        str,
        typer.Option(
            help="Which code to change, by number or name: 3 or cell.1;"
            " `crystalgen encode` lists them.",
            show_default=False,
        ),
    ],
    n: Annotated[int, typer.Option("--n", min=1, help="Crystals, at most.")] = 8,
    out: Annotated[
        Path, typer.Option(help="Folder to write to; a new or an empty one.")
    ] = Path("traversal"),
    checkpoint: Checkpoint = None,
    device: Device = "auto",
    overwrite: Overwrite = False,
) -> None:
    """Change one code of a crystal and write what comes out, crystal by crystal.

    The first crystal is the reconstruction; the others follow by how likely their codes
    are. All are valid: distances, space group and, if those of the given crystal
    cancel, charges. Values whose crystal is not, or was there already, are left out and
    counted. The folder gets a CIF of each, crystals.jsonl and manifest.json as of a
    run, steps.csv with all values that were looked at, and one picture, row.png.

    For example

    crystalgen traverse NaCl.cif --code 3

    crystalgen traverse NaCl.cif --code species1.1 --n 12 --out cations
    """
    started = time.monotonic()
    # imported here because torch and pymatgen cost seconds that --help must not pay
    from crystalgen.cli.crystal_inputs import read_one
    from crystalgen.cli.walk_folder import print_walk, write_walk
    from crystalgen.export.run_folder import reserved_folder
    from crystalgen.latent import traversal

    with reserved_folder(out, overwrite=overwrite):
        given = read_one(crystal)
        weights = load(checkpoint, device)
        walk = traversal.traverse(weights, given, code, n=n)
        write_walk(
            out,
            walk,
            weights,
            title=f"{given.formula} with other values of code {code}",
            request={"crystal": crystal.name, "code": code, "n": n},
            started=started,
        )
    print_walk(walk, out)
