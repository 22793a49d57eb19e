"""One result per crystal, computed by processes and kept in a folder as it comes.

What the folder holds already is not computed again. An item that raises nothing but
answers `Failed`, or whose process dies or takes too long, has a row with the reason.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from rich.console import Console
from rich.progress import track

from crystalgen.datasets.pool import Lost, survive_map
from crystalgen.evaluation.journal import Row, add_row, open_journal, read_journal
from potential import Energy, Failed, Point, Relaxed

ItemT = TypeVar("ItemT")
Result = Energy | Point | Relaxed | Failed


@dataclass(frozen=True, slots=True, kw_only=True)
class Workplace:
    """Where results are kept and by how many processes they are computed."""

    folder: Path
    workers: int


def survey(
    name: str,
    function: Callable[[ItemT], Result],
    items: Mapping[str, ItemT],
    workplace: Workplace,
    *,
    timeout_s: float,
) -> dict[str, Row]:
    """A row per item, in their order, kept in the table of that name.

    Raises:
        CrystalgenError: The table cannot be used, or no process survives.
    """
    path = workplace.folder / f"{name}.jsonl"
    rows = read_journal(path)
    missing = [each for each in items if each not in rows]
    if missing:
        results = survive_map(
            function,
            (items[each] for each in missing),
            n_workers=min(workplace.workers, len(missing)),
            timeout_s=timeout_s,
            chunk_size=1,
        )
        bar = track(results, name, total=len(missing), console=Console(stderr=True))
        with open_journal(path) as journal:
            for each, result in zip(missing, bar, strict=True):
                rows[each] = {"id": each, **_columns(result)}
                add_row(journal, rows[each])
    return {each: rows[each] for each in items}


def succeeded(rows: Mapping[str, Row]) -> dict[str, Row]:
    """The rows of the items that did not fail."""
    return {name: row for name, row in rows.items() if "reason" not in row}


def failures(rows: Mapping[str, Row]) -> dict[str, int]:
    """How many items failed, by reason."""
    reasons = Counter(row["reason"] for row in rows.values() if "reason" in row)
    return dict(reasons.most_common())


def quartiles(values: Iterable[float]) -> dict[str, float] | None:
    """The three quartiles; None of nothing."""
    found = list(values)
    if not found:
        return None
    names = ("25 %", "median", "75 %")
    parts = np.percentile(found, [25, 50, 75]).tolist()
    return {name: round(value, 4) for name, value in zip(names, parts, strict=True)}


def _columns(result: Result | Lost) -> dict[str, Any]:
    return asdict(result)
