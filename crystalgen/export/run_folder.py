"""A run folder on disk: its layout, and how one is found, checked and read.

    manifest.json     the request and what came of it
    crystals.jsonl    one record per crystal
    cif/<id>.cif      and the other formats asked for

The records count: a crystal without a line in ``crystals.jsonl`` was not finished.
"""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from crystalgen.errors import ExportError
from crystalgen.export.formats import FILE_NAMES, Format
from crystalgen.export.manifest import Manifest, from_json
from crystalgen.export.record import CrystalRecord, from_line

MANIFEST = "manifest.json"
RECORDS = "crystals.jsonl"
CHUNK = 1 << 16
"""Bytes read at once to find the last line break of a file."""
UNFINISHED = ".tmp"
"""Ending of files that are not complete yet."""


@contextmanager
def reserved_folder(folder: Path, *, overwrite: bool = False) -> Iterator[None]:
    """Make sure that a run can be written to a folder, before the run is computed.

    The folder is created, and removed again if nothing was written to it. What it
    holds is left alone; `RunWriter` removes an old run if ``overwrite`` allows it.

    Raises:
        ExportError: The folder cannot be written, or holds something already.
    """
    made = _make(folder)
    try:
        _check_vacant(folder, overwrite=overwrite)
        _probe(folder)
        yield
    finally:
        for path in made:
            if any(path.iterdir()):
                break
            path.rmdir()


def _make(folder: Path) -> list[Path]:
    """Create a folder with its parents; those that were missing, innermost first."""
    missing = [p for p in (folder, *folder.parents) if not p.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise disk_error(folder, error) from error
    return missing


def _check_vacant(folder: Path, *, overwrite: bool) -> None:
    if not any(folder.iterdir()):
        return
    is_run = (folder / MANIFEST).exists() or (folder / RECORDS).exists()
    if is_run and not overwrite:
        raise ExportError(
            f"{folder}: holds a run already ({_summary(folder)}); choose another "
            "folder with --out, or replace that run with --overwrite"
        )
    if not is_run:
        raise ExportError(
            f"{folder}: is not empty and holds no run of crystalgen; "
            "choose a new or an empty folder with --out"
        )


def _summary(folder: Path) -> str:
    try:
        manifest = read_manifest(folder)
    except ExportError:
        return "without a readable manifest"
    return f"{manifest.counts.written} crystals, seed {manifest.seed}"


def _probe(folder: Path) -> None:
    probe = folder / f"probe{UNFINISHED}"
    try:
        probe.write_bytes(b"crystalgen")
        probe.unlink()
    except OSError as error:
        raise disk_error(folder, error) from error


def disk_error(folder: Path, error: OSError) -> ExportError:
    """The error to show for a failed write, with what may help."""
    remedy = {
        errno.ENOSPC: "make room or choose a folder on another disk with --out",
        errno.EDQUOT: "make room or choose a folder on another disk with --out",
        errno.EROFS: "choose a folder on another disk with --out",
        errno.EACCES: "choose a folder of your own with --out",
        errno.EPERM: "choose a folder of your own with --out",
        errno.EEXIST: "a file has that name; choose another name with --out",
        errno.ENOTDIR: "a part of the path is a file; choose another with --out",
    }.get(error.errno or 0, "choose another folder with --out")
    reason = error.strerror or str(error)
    return ExportError(f"{folder}: cannot be written ({reason}); {remedy}")


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file so that it is complete or absent, whatever happens meanwhile.

    Args:
        path: Where to.
        content: Bytes, or text to be written as UTF-8.

    Raises:
        OSError: The file cannot be written.
    """
    unfinished = path.with_name(path.name + UNFINISHED)
    try:
        with unfinished.open("wb") as file:
            file.write(content if isinstance(content, bytes) else content.encode())
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except OSError:
        unfinished.unlink(missing_ok=True)
        raise


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of a run folder.

    Raises:
        ExportError: There is none, or it cannot be read.
    """
    path = folder / MANIFEST
    try:
        return from_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ExportError(
            f"{path}: cannot be read ({error.strerror}); expected the folder of a "
            "run, as `crystalgen generate` writes it"
        ) from error


def read_records(folder: Path) -> Iterator[CrystalRecord]:
    """Read the crystals of a run folder, one after the other.

    A last line without its line break was torn by the end of the run and is left out.

    Raises:
        ExportError: There are no records, or a line is damaged.
    """
    path = folder / RECORDS
    try:
        file = path.open(encoding="utf-8", newline="\n")
    except OSError as error:
        raise ExportError(
            f"{path}: cannot be read ({error.strerror}); expected the folder of a "
            "run, as `crystalgen generate` writes it"
        ) from error
    with file:
        for number, line in enumerate(file, start=1):
            if not line.endswith("\n"):
                return
            try:
                yield from_line(line)
            except ExportError as error:
                raise ExportError(f"{path}:{number}: {error}") from error


def drop_torn_line(path: Path) -> None:
    """Cut off a last line that the end of a run has left without its line break.

    Raises:
        OSError: The file cannot be changed.
    """
    if not path.exists():
        return
    with path.open("r+b") as file:
        end = file.seek(0, os.SEEK_END)
        while end:
            start = max(end - CHUNK, 0)
            file.seek(start)
            place = file.read(end - start).rfind(b"\n")
            if place >= 0:
                end = start + place + 1
                break
            end = start
        file.truncate(end)


def remove_run(folder: Path) -> None:
    """Remove the files of a run and nothing else.

    Raises:
        ExportError: A file cannot be removed.
    """
    try:
        identifiers = _identifiers(folder)
        for name in FILE_NAMES.values():
            for identifier in identifiers:
                (folder / name.format(id=identifier)).unlink(missing_ok=True)
        (folder / FILE_NAMES[Format.EXTXYZ]).unlink(missing_ok=True)
        for parent in {(folder / name).parent for name in FILE_NAMES.values()}:
            if parent != folder and parent.is_dir() and not any(parent.iterdir()):
                parent.rmdir()
        for each in (RECORDS, MANIFEST):
            (folder / each).unlink(missing_ok=True)
    except OSError as error:
        raise disk_error(folder, error) from error


def _identifiers(folder: Path) -> list[str]:
    """Names of the crystals of a run, of a damaged one as far as they can be read."""
    found = []
    try:
        for record in read_records(folder):
            found.append(record.identifier)
    except ExportError:
        return found
    return found
