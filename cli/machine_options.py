"""Options that say where crystals are drawn and what is written of them."""

import re
from collections.abc import Callable, Mapping
from inspect import signature
from pathlib import Path
from typing import Annotated

import typer

from crystalgen.errors import ExportError
from crystalgen.export.formats import Format, parse_formats


def parse_format_option(text: str) -> tuple[Format, ...]:
    """Read a list of formats; an unknown one is a wrong usage."""
    try:
        return parse_formats(text)
    except ExportError as error:
        raise typer.BadParameter(str(error), param_hint="'--format'") from error


def check_device(text: str) -> str:
    """Refuse a device that no version of torch could know."""
    if not re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", text):
        raise typer.BadParameter(
            f"got {text!r}; expected auto, cpu, cuda, cuda:1 or mps"
        )
    return text


WITH_RESUME = frozenset(
    ("resume", "checkpoint", "device", "batch_size", "workers", "as_json")
)
"""Options that may stand beside --resume: they change no crystal."""


def refuse_others(command: Callable[..., None], values: Mapping[str, object]) -> None:
    """Refuse options beside --resume that the run in the folder has settled.

    Args:
        command: With the defaults of all options.
        values: The options as they are, by their names.
    """
    for name, parameter in signature(command).parameters.items():
        if name not in WITH_RESUME and values[name] != parameter.default:
            option = name.removesuffix("s") if name == "formats" else name
            raise typer.BadParameter(
                "the folder says what is asked for; leave "
                f"--{option.replace('_', '-')} out",
                param_hint="'--resume'",
            )


FormatNames = Annotated[
    str, typer.Option("--format", help="cif, poscar, extxyz, json, or several.")
]
Checkpoint = Annotated[
    Path | None,
    typer.Option(help="Weights of yours, or those inside: mp-20, perov-5, carbon-24."),
]
Device = Annotated[
    str, typer.Option(callback=check_device, help="auto, cpu, cuda or mps.")
]
BatchSize = Annotated[
    int,
    typer.Option(
        min=1, help="Draws handed to a process at once; crystals stay the same."
    ),
]
Workers = Annotated[
    int | None, typer.Option(min=1, help="Processes; chosen by --n if unset.")
]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace the run in the folder.")
]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print the manifest as JSON, nothing else.")
]
Resume = Annotated[
    Path | None,
    typer.Option(
        help="Go on with the run in this folder, as it was asked for; the folder ends"
        " up as if nothing had interrupted the run.",
    ),
]
DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run",
        help="Write nothing; say what is asked for, what it leaves to draw from, and"
        " about how long it takes.",
    ),
]
