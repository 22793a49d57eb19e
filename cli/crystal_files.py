"""Crystals to judge, from a run folder, a folder of files, a table or a cache.

Each is read and judged in a worker process, so that one that cannot be read, or that
no library survives, costs itself only.
"""

import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pymatgen.core import Structure

from crystalgen.datasets.cache import read_cache
from crystalgen.datasets.entry import Entry, FileText, Payload
from crystalgen.datasets.parsing import parse
from crystalgen.datasets.pool import Lost, survive_map
from crystalgen.datasets.sources import local_source
from crystalgen.errors import CrystalgenError, DatasetError
from crystalgen.evaluation.assessment import Assessment, assess, describe
from crystalgen.evaluation.distribution import Traits
from crystalgen.evaluation.summary import Judged, Rejected
from crystalgen.export.formats import FILE_NAMES, Format
from crystalgen.export.record import CrystalRecord
from crystalgen.export.run_folder import RECORDS, read_records
from crystalgen.representation.conversion import to_structure
from crystalgen.representation.crystal import SymmetricCrystal

AnswerT = TypeVar("AnswerT")
TIMEOUT_S = 120.0
"""Longest time that one crystal may take."""
CACHE_SUFFIX = ".safetensors"
GROUP_LABEL = "spacegroup.number"
"""Column of a table with the declared group, as in MP-20."""
_GROUP_TAG = re.compile(
    r"^_(?:symmetry_Int_Tables_number|space_group_IT_number)\s+'?(\d+)",
    re.MULTILINE | re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One crystal to judge."""

    identifier: str
    payload: Payload | None
    """What was written of it; None if only the record of a run is left."""
    crystal: SymmetricCrystal | None = None
    """What a run of crystalgen says of it."""
    asked_group: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Crystals:
    """A set of crystals to judge."""

    name: str
    items: tuple[Item, ...]


def open_crystals(name: str) -> Crystals:
    """Find the crystals of a run, a folder, a table, a cache or a database.

    Raises:
        CrystalgenError: There is nothing there, or it cannot be read.
    """
    folder = Path(name)
    if (folder / RECORDS).is_file():
        items = tuple(_of_record(folder, each) for each in read_records(folder))
        return Crystals(name=name, items=items)
    if folder.suffix == CACHE_SUFFIX and folder.is_file():
        return Crystals(name=name, items=tuple(_of_cache(folder)))
    entries = local_source(name).entries()
    return Crystals(name=name, items=tuple(_of_entry(each) for each in entries))


def judge_all(items: Sequence[Item], *, n_workers: int) -> Iterator[Judged]:
    """Judge each crystal, in order, as asked for."""
    yield from _map(_judge, items, n_workers)


def describe_all(
    items: Sequence[Item], *, n_workers: int
) -> Iterator[Traits | Rejected]:
    """Find what distributions need of each crystal, in order, as asked for."""
    yield from _map(_describe, items, n_workers)


def _map(
    function: Callable[[Item], AnswerT | Rejected],
    items: Sequence[Item],
    n_workers: int,
) -> Iterator[AnswerT | Rejected]:
    results = survive_map(function, items, n_workers=n_workers, timeout_s=TIMEOUT_S)
    for item, result in zip(items, results, strict=True):
        if isinstance(result, Lost):
            yield Rejected(identifier=item.identifier, reason=result.reason)
        else:
            yield result


def _of_record(folder: Path, record: CrystalRecord) -> Item:
    path = folder / FILE_NAMES[Format.CIF].format(id=record.identifier)
    text = path.read_text(encoding="utf-8") if path.is_file() else None
    return Item(
        identifier=record.identifier,
        payload=None if text is None else FileText(text=text, format="cif"),
        crystal=record.crystal,
        asked_group=record.crystal.space_group,
    )


def _of_cache(path: Path) -> Iterator[Item]:
    table, _ = read_cache(path)
    for index, identifier in enumerate(table.identifiers):
        crystal = table.crystal(index)
        yield Item(
            identifier=identifier,
            payload=None,
            crystal=crystal,
            asked_group=crystal.space_group,
        )


def _of_entry(entry: Entry) -> Item:
    return Item(
        identifier=entry.identifier,
        payload=entry.payload,
        asked_group=_declared_group(entry),
    )


def _declared_group(entry: Entry) -> int | None:
    """The group that a table or a file states; P1 stands for a group left out."""
    stated = entry.properties.get(GROUP_LABEL, 0)
    if not stated and isinstance(entry.payload, FileText):
        match = _GROUP_TAG.search(entry.payload.text)
        stated = int(match[1]) if match and match[1] != "1" else 0
    return int(stated) if stated in range(1, 231) else None


def _judge(item: Item) -> Judged:
    return _or_reason(item, _assess)


def _assess(item: Item) -> Assessment:
    structure, as_written = _structures(item)
    return assess(
        item.identifier,
        structure,
        asked_group=item.asked_group,
        as_written=as_written,
        crystal=item.crystal,
    )


def _describe(item: Item) -> Traits | Rejected:
    return _or_reason(item, _traits)


def _traits(item: Item) -> Traits:
    structure, _ = _structures(item)
    return describe(structure, crystal=item.crystal)


def _or_reason(item: Item, function: Callable[[Item], AnswerT]) -> AnswerT | Rejected:
    try:
        with warnings.catch_warnings():
            # of elements without an electronegativity and the like: no news here
            warnings.simplefilter("ignore")
            return function(item)
    except CrystalgenError as error:
        reason = " ".join(str(error).split())
        return Rejected(identifier=item.identifier, reason=reason)


def _structures(item: Item) -> tuple[Structure, Structure | None]:
    """The structure to judge, and the one read from a file."""
    as_written = None if item.payload is None else parse(item.payload)
    structure = as_written if item.crystal is None else to_structure(item.crystal)
    if structure is None:
        raise DatasetError("neither a file nor a record of it")
    return structure, as_written
