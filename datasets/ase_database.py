"""Crystals from an ASE database (SQLite or JSON), one row at a time."""

import math
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from json import JSONDecodeError
from pathlib import Path

from ase.db import connect
from ase.db.core import Database
from ase.db.row import AtomsRow

from crystalgen.datasets.entry import Entry, Sites, Source, Unreadable
from crystalgen.datasets.parsing import sites_of_atoms
from crystalgen.errors import DatasetError

SUFFIXES = (".db", ".json")


def ase_database_source(path: Path) -> Source:
    """Open a database and count its rows.

    Numeric key-value pairs and the total energy (eV) become labels. The identifier
    is the row's `material_id` if it has one, else its number in the database.

    Raises:
        DatasetError: No such file, not an ASE database, or no rows.
    """
    if not path.is_file():
        raise DatasetError(f"{path}: no such file")
    with _readable(path), _connected(path) as database:
        n_rows = len(database)
    if n_rows == 0:
        raise DatasetError(f"{path}: the database has no rows")
    return Source(
        name=path.name,
        license="unknown",
        citation="",
        n_entries=n_rows,
        entries=lambda: _entries(path),
    )


def _entries(path: Path) -> Iterator[Entry]:
    with _readable(path), _connected(path) as database:
        for row in database.select():
            yield Entry(
                identifier=str(row.get("material_id", row.id)),
                payload=_payload(row),
                properties=_properties(row),
            )


def _payload(row: AtomsRow) -> Sites | Unreadable:
    try:
        return sites_of_atoms(row.toatoms())
    except DatasetError as error:
        return Unreadable(reason=str(error))


def _properties(row: AtomsRow) -> dict[str, float]:
    values = {"energy": row.get("energy"), **row.key_value_pairs}
    return {
        name: float(value)
        for name, value in values.items()
        if isinstance(value, int | float)
        and not isinstance(value, bool)
        and math.isfinite(value)
    }


@contextmanager
def _connected(path: Path) -> Iterator[Database]:
    database = connect(path, use_lock_file=False)
    try:
        yield database
    finally:
        # ASE closes SQLite only where the database was used as a context
        connection = getattr(database, "connection", None)
        if connection is not None:
            connection.close()


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Give every way in which a database cannot be read one kind of error."""
    try:
        yield
    except (sqlite3.Error, JSONDecodeError, KeyError, ValueError) as error:
        raise DatasetError(f"{path}: not an ASE database: {error}") from error
    except OSError as error:
        raise DatasetError(f"{path}: {error.strerror or error}") from error
