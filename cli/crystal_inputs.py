"""Crystals that a command works on, described and ready for the networks.

Where one cannot be read, nothing is done at all, unless the user asks to pass over it.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import track

from crystalgen.cli.crystal_files import CACHE_SUFFIX, bare_name
from crystalgen.datasets.cache import read_cache
from crystalgen.datasets.entry import Entry
from crystalgen.datasets.folder import file_source
from crystalgen.datasets.parsing import parse
from crystalgen.datasets.pool import Lost, survive_map
from crystalgen.datasets.sources import local_source
from crystalgen.errors import CrystalgenError, DatasetError
from crystalgen.export.run_folder import RECORDS, read_records
from crystalgen.generation.weights import Weights
from crystalgen.representation.conversion import from_structure
from crystalgen.representation.crystal import SymmetricCrystal

FEW = 200
"""Crystals up to which a process of their own is not worth its start."""
TIMEOUT_S = 120.0
"""Longest time that one crystal may take."""
GAP = "band_gap"
"""Name of the property that says the gap in eV, as in MP-20."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """One crystal, or why there is none."""

    identifier: str
    crystal: SymmetricCrystal | None
    reason: str = ""
    band_gap: float = math.nan


def read_one(path: Path) -> SymmetricCrystal:
    """The crystal of a file.

    Raises:
        CrystalgenError: There is no such file, it holds not exactly one crystal, or
            that one cannot be read.
    """
    source = file_source(path)
    if source.n_entries != 1:
        raise DatasetError(f"{path}: holds {source.n_entries} crystals; expected one")
    (entry,) = source.entries()
    found = _described(entry)
    if isinstance(found, str):
        raise DatasetError(f"{path}: {found}")
    return found


def read_all(
    names: Sequence[str],
    weights: Weights,
    *,
    pass_over: bool,
    n_workers: int,
    console: Console,
    limit: int | None = None,
) -> list[Input]:
    """The crystals of files, folders, runs, tables and caches, in order.

    Args:
        names: Where they are.
        weights: Tell which crystals are too large.
        pass_over: Leave out crystals that cannot be read, instead of giving up.
        n_workers: Processes for more than a few.
        console: Where progress and what is left out are shown.
        limit: Only the first ones of all.

    Raises:
        CrystalgenError: A source cannot be read, a crystal cannot be read and
            ``pass_over`` is not set, or none is left.
    """
    found = [
        _fitting(each, weights)
        for name in names
        for each in _source(name, n_workers, console, limit)
    ][:limit]
    bad = [each for each in found if each.crystal is None]
    where = ", ".join(names)
    if bad and (len(bad) == len(found) or not pass_over):
        what = "" if len(bad) == len(found) else "; --pass-over leaves such ones out"
        raise DatasetError(
            f"{where}: {len(bad)} of {len(found)} crystals cannot be read; the first, "
            f"{bad[0].identifier}: {bad[0].reason}{what}"
        )
    if bad:
        console.print(
            f"{len(bad)} of {len(found)} crystals left out; the first, "
            f"{bad[0].identifier}: {bad[0].reason}",
            soft_wrap=True,
        )
    if not found:
        raise DatasetError(f"{where}: no crystals")
    return [each for each in found if each.crystal is not None]


def _source(
    name: str, n_workers: int, console: Console, limit: int | None
) -> Iterator[Input]:
    path = Path(name)
    if (path / RECORDS).is_file():
        for record in read_records(path):
            yield Input(identifier=record.identifier, crystal=record.crystal)
        return
    if path.suffix == CACHE_SUFFIX:
        yield from _of_cache(path, limit)
        return
    source = local_source(name)
    entries = list(source.entries())[:limit]
    answers = (
        map(_described, entries)
        if len(entries) <= FEW
        else survive_map(_described, entries, n_workers=n_workers, timeout_s=TIMEOUT_S)
    )
    shown = track(
        answers,
        "read",
        total=len(entries),
        console=console,
        transient=True,
        disable=console.quiet or not console.is_terminal,
    )
    for entry, answer in zip(entries, shown, strict=True):
        reason = answer.reason if isinstance(answer, Lost) else answer
        is_read = isinstance(answer, SymmetricCrystal)
        yield Input(
            identifier=bare_name(entry.identifier),
            crystal=answer if is_read else None,
            reason="" if is_read else str(reason),
            band_gap=entry.properties.get(GAP, math.nan),
        )


def _of_cache(path: Path, limit: int | None) -> Iterator[Input]:
    table, _ = read_cache(path)
    gaps = table.properties.get(GAP)
    for index, identifier in enumerate(table.identifiers[:limit]):
        yield Input(
            identifier=identifier,
            crystal=table.crystal(index),
            band_gap=math.nan if gaps is None else float(gaps[index]),
        )


def _described(entry: Entry) -> SymmetricCrystal | str:
    """The crystal of an entry, or in plain words why there is none."""
    try:
        return from_structure(parse(entry.payload))
    except CrystalgenError as error:
        return " ".join(str(error).split())


def _fitting(each: Input, weights: Weights) -> Input:
    """The same, but no crystal where it is too large for the networks."""
    crystal, config = each.crystal, weights.config
    if crystal is None:
        return each
    n_elements = len(set(crystal.species))
    if crystal.n_orbits <= config.max_orbits and n_elements <= config.max_roles:
        return each
    return Input(
        identifier=each.identifier,
        crystal=None,
        reason=f"{crystal.n_orbits} orbits and {n_elements} elements; these weights "
        f"read at most {config.max_orbits} and {config.max_roles}",
    )
