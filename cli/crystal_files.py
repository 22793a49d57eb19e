"""Crystals to judge, from a run folder, a folder of files, a table or a cache.

They are only found here; reading and judging them is the work of `crystal_work`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from crystalgen.datasets.cache import read_cache
from crystalgen.datasets.entry import Entry, FileText, Payload
from crystalgen.datasets.sources import local_source
from crystalgen.export.formats import FILE_NAMES, Format
from crystalgen.export.record import CrystalRecord
from crystalgen.export.run_folder import RECORDS, read_records
from crystalgen.representation.crystal import SymmetricCrystal

CACHE_SUFFIX = ".safetensors"
GROUP_LABEL = "spacegroup.number"
"""Column of a table with the declared group, as in MP-20."""
_GROUP_TAG = re.compile(
    r"^_(?:symmetry_Int_Tables_number|space_group_IT_number)\s+'?(\d+)",
    re.MULTILINE | re.IGNORECASE,
)
_FILE_NAME = re.compile(
    r"^(?:.*/)?(?P<stem>[^/]+)\.(?:cif|vasp|poscar|extxyz|xyz)(?:#\d+)?$", re.IGNORECASE
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


def bare_name(identifier: str) -> str:
    """The identifier without folder, extension and number in the file, if it has any.

    So that several files, or crystals of one file, can be draws for one crystal.

    >>> bare_name("draw-1/mp-22862.cif"), bare_name("mp-7.extxyz#3"), bare_name("mp-7")
    ('mp-22862', 'mp-7', 'mp-7')
    """
    match = _FILE_NAME.match(identifier)
    return match["stem"] if match else identifier


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
