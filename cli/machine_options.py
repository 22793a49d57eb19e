"""Options that say where crystals are drawn and what is written of them."""

import re

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
