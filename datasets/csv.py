"""Crystals from tables in the manner of MP-20: a `cif` column and labels beside it.

Reads .csv and .csv.gz row by row. A column is a label if each of its values is a
finite number or missing; `material_id` names the crystals.
"""

import csv
import difflib
import gzip
import hashlib
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader, TextIOWrapper
from pathlib import Path

from crystalgen.datasets.entry import Entry, FileText, Source
from crystalgen.errors import DatasetError

CIF_COLUMN = "cif"
ID_COLUMN = "material_id"

# not float(): "InF" and "NaN" are formulas of indium and sodium compounds
_NUMBER = re.compile(r"\s*[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?\s*\Z")
_MISSING = {"", "nan", "NaN", "None", "null", "NA", "<NA>"}
_MAX_FIELD = 2**31 - 1  # the standard library stops at 128 kB, CIFs do not


def csv_source(path: Path) -> Source:
    """Look through a table once to learn its columns and its length.

    Raises:
        DatasetError: No such file, no `cif` column, not a table, or no rows.
    """
    labels: set[str] | None = None
    n_rows = 0
    for row in _rows(path):
        if labels is None:
            labels = _candidates(row)
        labels = {name for name in labels if _is_number_or_missing(row[name])}
        n_rows += 1
    if labels is None:
        raise DatasetError(f"{path}: the table has a header but no rows")
    columns = frozenset(labels)
    return Source(
        name=path.name,
        license="unknown",
        citation="",
        n_entries=n_rows,
        entries=lambda: _entries(path, columns),
        sha256=sha256_of(path),
    )


def sha256_of(path: Path) -> str:
    """SHA-256 of a table's uncompressed bytes, so that .csv and .csv.gz agree.

    Raises:
        DatasetError: The file cannot be read.
    """
    digest = hashlib.sha256()
    with _readable(path), _open_bytes(path) as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _entries(path: Path, columns: frozenset[str]) -> Iterator[Entry]:
    for number, row in enumerate(_rows(path)):
        yield Entry(
            identifier=row.get(ID_COLUMN) or str(number),
            payload=FileText(text=row[CIF_COLUMN], format="cif"),
            properties={
                name: float(row[name]) for name in columns if row[name] not in _MISSING
            },
        )


def _candidates(row: dict[str, str]) -> set[str]:
    """Columns that may be labels; a column without a name is a row number."""
    unnamed = {name for name in row if not name or name.startswith("Unnamed:")}
    return set(row) - unnamed - {CIF_COLUMN, ID_COLUMN}


def _is_number_or_missing(value: str) -> bool:
    return value in _MISSING or _NUMBER.match(value) is not None


def _rows(path: Path) -> Iterator[dict[str, str]]:
    """Rows by column name, each with all columns."""
    csv.field_size_limit(_MAX_FIELD)
    with (
        _readable(path),
        _open_bytes(path) as file,
        TextIOWrapper(file, encoding="utf-8-sig", newline="") as lines,
    ):
        reader = csv.reader(lines)
        header = next(reader, None)
        if header is None:
            raise DatasetError(f"{path}: the file is empty; expected a table")
        if CIF_COLUMN not in header:
            raise DatasetError(_no_cif_column(path, header))
        for row in reader:
            if not row:
                continue
            if len(row) != len(header):
                raise DatasetError(
                    f"{path}: line {reader.line_num}: {len(row)} fields;"
                    f" expected {len(header)}"
                )
            yield dict(zip(header, row, strict=True))


def _no_cif_column(path: Path, header: list[str]) -> str:
    near = difflib.get_close_matches(CIF_COLUMN, header, n=1)
    hint = f"; rename {near[0]!r}?" if near else ""
    shown = ", ".join(header[:12])
    return f"{path}: no column {CIF_COLUMN!r}; there are: {shown}{hint}"


def _open_bytes(path: Path) -> BufferedReader | gzip.GzipFile:
    with path.open("rb") as file:
        is_gzip = file.read(2) == b"\x1f\x8b"
    return gzip.open(path) if is_gzip else path.open("rb")


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Give every way in which a table cannot be read one kind of error."""
    try:
        yield
    except FileNotFoundError as error:
        raise DatasetError(f"{path}: no such file") from error
    except UnicodeDecodeError as error:
        raise DatasetError(f"{path}: not UTF-8 text: {error.reason}") from error
    except (EOFError, zlib.error) as error:
        raise DatasetError(f"{path}: the gzip file is cut off or damaged") from error
    except csv.Error as error:
        raise DatasetError(f"{path}: not a CSV table: {error}") from error
    except OSError as error:
        raise DatasetError(f"{path}: {error.strerror or error}") from error
