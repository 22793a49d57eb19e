"""What the user sees when something goes wrong."""

import functools
from collections.abc import Callable
from typing import ParamSpec

import typer

from crystalgen.errors import CrystalgenError

P = ParamSpec("P")


def user_errors(command: Callable[P, None]) -> Callable[P, None]:
    """Print our own errors as one line and exit with 1; let bugs keep a traceback."""

    @functools.wraps(command)
    def reported(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except CrystalgenError as error:
            line = " ".join(str(error).splitlines())
            typer.echo(f"error: {line}", err=True)
            raise typer.Exit(1) from error

    return reported
