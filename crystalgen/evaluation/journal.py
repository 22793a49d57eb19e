"""A table that grows by a row at a time and outlives an interruption.

One JSON object per line, each with an ``id``. A row counts once its line is complete;
a torn last line is cut off, so that its crystal is done again.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from crystalgen.errors import EvaluationError

Row = dict[str, Any]
"""JSON values by column."""


def read_journal(path: Path) -> dict[str, Row]:
    """The complete rows by identifier, none if there is no file; of repeats the last.

    Raises:
        EvaluationError: The file cannot be read, or a complete line is no row.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise EvaluationError(f"{path}: cannot be read ({error})") from error
    rows: dict[str, Row] = {}
    for number, line in enumerate(lines, start=1):
        if not line.endswith("\n"):
            break
        try:
            row = json.loads(line)
            rows[row["id"]] = row
        except (ValueError, KeyError, TypeError) as error:
            raise EvaluationError(
                f"{path}:{number}: no row of a table; expected a JSON object with an id"
            ) from error
    return rows


def open_journal(path: Path) -> IO[str]:
    """Open a table to add rows to it; a torn last line is cut off first.

    Raises:
        EvaluationError: The file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _cut_torn_line(path)
        return path.open("a", encoding="utf-8", newline="\n")
    except OSError as error:
        reason = error.strerror or error
        raise EvaluationError(f"{path}: cannot be written ({reason})") from error


def add_row(journal: IO[str], row: Mapping[str, Any]) -> None:
    """Add a row and hand it to the operating system at once.

    Raises:
        ValueError: The row holds a number that is not finite.
    """
    journal.write(json.dumps(row, allow_nan=False) + "\n")
    journal.flush()


def _cut_torn_line(path: Path) -> None:
    if not path.exists():
        return
    with path.open("r+b") as file:
        data = file.read()
        file.seek(data.rfind(b"\n") + 1, os.SEEK_SET)
        file.truncate()
