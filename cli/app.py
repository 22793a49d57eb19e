"""The `crystalgen` command: one module per subcommand.

The modules imported here import torch, pymatgen and the like inside their
functions, so that `crystalgen --help` answers at once.
"""

from typing import Annotated

import typer

import crystalgen
from crystalgen.cli import (
    calibrate,
    data,
    decorate,
    encode,
    evaluate,
    generate,
    interpolate,
    latent,
    predict,
    teach,
    train,
    traverse,
)
from crystalgen.memory import keep_freed_memory

app = typer.Typer(
    help="Generate, screen and export crystal structures.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    rich_markup_mode="markdown",
)
app.command()(generate.generate)
app.command()(decorate.decorate)
app.add_typer(data.app, name="data")
app.command()(train.train)
app.command()(teach.teach)
app.command()(evaluate.evaluate)
app.command()(encode.encode)
app.command()(predict.predict)
app.command()(calibrate.calibrate)
app.command()(traverse.traverse)
app.command()(interpolate.interpolate)
app.add_typer(latent.app, name="latent")


def _show_version(asked: bool) -> bool:
    if asked:
        typer.echo(f"crystalgen {crystalgen.__version__}")
        raise typer.Exit
    return asked


@app.callback()
def main(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Print it."
        ),
    ] = False,
) -> None:
    """Generate, screen and export crystal structures."""
    keep_freed_memory()
