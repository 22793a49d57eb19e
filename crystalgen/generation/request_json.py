"""A request as JSON: in the manifest of a run, or in a file of its own."""

import json
from dataclasses import asdict, fields
from typing import Any

from crystalgen.config import build
from crystalgen.errors import ConfigError, RequestError
from crystalgen.generation.request import Request

ALWAYS_WRITTEN = frozenset(
    ("n", "space_groups", "max_atoms", "temperature", "allow_known", "vary_geometry")
)
"""Fields that are written even if nothing is asked; others are not. So a run, which is
named after its request, keeps its name when later versions can be asked for more."""


def to_fields(request: Request) -> dict[str, Any]:
    """Fields of a request by their names, as JSON values.

    >>> to_fields(Request(n=5, require=("Li",)))["require"]
    ['Li']
    """
    values: dict[str, Any] = json.loads(json.dumps(asdict(request)))
    asked = {
        field.name
        for field in fields(request)
        if getattr(request, field.name) != field.default
    }
    return {
        name: value
        for name, value in values.items()
        if name in ALWAYS_WRITTEN or name in asked
    }


def from_fields(entry: object, *, where: str = "request") -> Request:
    """Restore a request; fields that are missing ask for nothing.

    Args:
        entry: Fields by their names, as JSON values.
        where: What to name in messages.

    Raises:
        RequestError: A field is unknown, of a wrong type or out of range, or two
            exclude each other.
    """
    try:
        return build(Request, entry, where=where)
    except ConfigError as error:
        raise RequestError(str(error)) from error


def to_json(request: Request) -> str:
    """Write a request.

    >>> from_json(to_json(Request(formula="NaCl", z=2))).z
    2
    """
    return json.dumps(to_fields(request), indent=2) + "\n"


def from_json(text: str, *, where: str = "request") -> Request:
    """Read a request.

    Args:
        text: As `to_json` writes it, or less: fields may be missing.
        where: What to name in messages.

    Raises:
        RequestError: The text is no JSON, or no request.
    """
    try:
        entry = json.loads(text)
    except ValueError as error:
        raise RequestError(f"{where}: expected JSON: {error}") from error
    return from_fields(entry, where=where)
