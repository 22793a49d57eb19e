"""Tables of energies: what is known of the crystals of a run.

A row for each crystal, as CSV with a header or as JSON objects line by line, with its
``id``, its ``e_above_hull`` in eV/atom and, where known, ``formation_energy_per_atom``
and the ``largest_force`` in eV/Å.
"""

import csv
import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64

from crystalgen.errors import DatasetError
from crystalgen.export.record import CrystalRecord
from crystalgen.export.run_folder import read_records
from crystalgen.model.critic import ABOVE_HULL, TARGETS
from crystalgen.representation.table import CrystalTable

FEWEST = 100
"""Crystals, below which there is nothing to learn."""


def read_labelled(run: Path, table: Path) -> CrystalTable:
    """The crystals of a run whose energy above the hull is known, in its order.

    Raises:
        DatasetError: The table cannot be read, or knows no crystal of the run.
        ExportError: The run cannot be read.
    """
    known = read_energies(table)
    records = _known_records(run, known, table)
    names = [each.identifier for each in records]
    return CrystalTable.from_crystals(
        (each.crystal for each in records),
        identifiers=names,
        properties={
            target: np.array([known[name][target] for name in names])
            for target in TARGETS
        },
    )


def read_expected(
    run: Path, table: Path
) -> tuple[
    Float64[np.ndarray, " crystals"],
    Float64[np.ndarray, " crystals"],
    Float64[np.ndarray, " crystals"],
]:
    """Expected energy above the hull, unrest (Å) and energy above the hull.

    Of crystals of a run whose energy is known, in its order; energies in eV/atom.

    Raises:
        DatasetError: The table cannot be read, or knows no crystal of the run, or the
            run does not say what was expected.
        ExportError: The run cannot be read.
    """
    known = read_energies(table)
    records = _known_records(run, known, table)
    if not all(record.expected for record in records):
        raise DatasetError(
            f"{run}: its crystals.jsonl does not say what was expected of the crystals;"
            " expected a run of this version and of weights with a critic"
        )
    rows = [
        (
            record.expected[ABOVE_HULL],
            record.expected["unrest"],
            known[record.identifier][ABOVE_HULL],
        )
        for record in records
    ]
    above_hull, unrest, computed = np.array(rows, dtype=np.float64).T
    return above_hull, unrest, computed


def split_off(table: CrystalTable, seed: int) -> tuple[CrystalTable, CrystalTable]:
    """Nine tenths of the crystals, and the others, drawn by the seed.

    Raises:
        DatasetError: There are fewer than `FEWEST`.
    """
    if len(table) < FEWEST:
        raise DatasetError(
            f"{len(table)} crystals to learn from; expected at least {FEWEST}"
        )
    order = np.random.default_rng(seed).permutation(len(table))
    n_held_out = len(table) // 10
    return (
        table.take(np.sort(order[n_held_out:])),
        table.take(np.sort(order[:n_held_out])),
    )


def read_energies(path: Path) -> dict[str, dict[str, float]]:
    """Targets of the critic by identifier and name, NaN where unknown.

    Rows without an energy above the hull are left out.

    Raises:
        DatasetError: The file cannot be read, or a row is none.
    """
    found: dict[str, dict[str, float]] = {}
    for number, row in _rows(path):
        try:
            name = str(row["id"])
            values = {target: _number(row.get(target)) for target in TARGETS}
            if ABOVE_HULL not in row:
                raise KeyError(ABOVE_HULL)
        except (KeyError, TypeError, ValueError) as error:
            raise DatasetError(
                f"{path}:{number}: got no row with numbers ({error}); expected id, "
                f"{ABOVE_HULL} and perhaps {' and '.join(TARGETS[1:])}"
            ) from error
        if math.isfinite(values[ABOVE_HULL]):
            found[name] = values
    return found


def _known_records(
    run: Path, known: Mapping[str, object], table: Path
) -> list[CrystalRecord]:
    records = [each for each in read_records(run) if each.identifier in known]
    if not records:
        raise DatasetError(
            f"{table}: none of its {len(known)} ids is among the crystals of {run}; "
            "expected those of its crystals.jsonl"
        )
    return records


def _number(value: Any) -> float:  # noqa: ANN401
    return math.nan if value in (None, "") else float(value)


def _row(path: Path, number: int, line: str) -> Mapping[str, Any]:
    try:
        row = json.loads(line)
    except ValueError:
        row = None
    if not isinstance(row, dict):
        raise DatasetError(
            f"{path}:{number}: got {line.strip()[:40]!r}; expected a JSON object, or a"
            " table with a header and a name that ends in .csv"
        )
    return row


def _rows(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            if path.suffix == ".csv":
                reader = csv.DictReader(file)
                yield from ((reader.line_num, row) for row in reader)
                return
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield number, _row(path, number, line)
    except FileNotFoundError as error:
        raise DatasetError(
            f"{path}: no such file; expected a table of energies with id and "
            f"{ABOVE_HULL}"
        ) from error
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, csv.Error) as error:
        raise DatasetError(f"{path}: cannot be read ({error})") from error
