"""`crystalgen generate --dry-run`: what would be drawn, and how long it would take."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from crystalgen.generation.generator import Generator
    from crystalgen.generation.outlook import Outlook
    from crystalgen.generation.request import Request

FEW = 0.5
"""Share of different crystals among the valid ones of a trial below which the run may
well end before it has all."""


def say_what_would_be(
    generator: "Generator", request: "Request", *, seed: int, as_json: bool
) -> None:
    """Print a request, what it leaves to draw from, and an estimate of the time.

    Raises:
        RequestError: No crystal can fulfil the request.
    """
    from crystalgen.generation.outlook import outlook
    from crystalgen.generation.request_json import to_fields

    fields = to_fields(request)
    asked = {**fields, "conditions": [each.spelling for each in request.conditions]}
    found = outlook(generator.weights, request, seed=seed)
    if as_json:
        entry = {"request": fields, "seed": seed, **asdict(found)}
        typer.echo(json.dumps({**entry, "seconds": found.seconds}, indent=2))
        return
    table = Table(show_header=False)
    for name, value in asked.items():
        if value not in (None, [], "", False) or name == "charge_neutral":
            shown = ", ".join(map(str, value)) if isinstance(value, list) else value
            table.add_row(name.replace("_", " "), str(shown))
    table.add_section()
    table.add_row("weights", generator.weights.name)
    table.add_row("space groups", str(found.n_groups))
    prototypes = f"{found.n_prototypes} of {found.n_known}"
    table.add_row("known prototypes that fit", prototypes)
    table.add_row("share of new prototypes", f"{found.new_share:.0%}")
    table.add_row("elements to choose from", str(found.n_elements))
    table.add_section()
    table.add_row(
        f"of {found.drawn} trial draws",
        f"{found.valid} valid, {found.unique} of them different",
    )
    table.add_row("time on one core", _estimate(found))
    Console().print(table)
    if found.unique < FEW * found.valid and found.unique < request.n:
        typer.echo(
            "many draws repeat a crystal: the run may end with fewer than asked for"
        )


def _estimate(found: "Outlook") -> str:
    """Time for all crystals, in words."""
    if found.seconds is None:
        return "unknown: no trial draw gave a valid crystal"
    if found.seconds < 90:
        return f"about {max(found.seconds, 1):.0f} s"
    if found.seconds < 5400:
        return f"about {found.seconds / 60:.0f} min"
    return f"about {found.seconds / 3600:.1f} h"
