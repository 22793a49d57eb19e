"""Write the crystals of a run as they come, each complete before it counts."""

import os
import time
from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from crystalgen.errors import ExportError
from crystalgen.export.formats import FILE_NAMES, Format
from crystalgen.export.manifest import Counts, Manifest, Status, to_json
from crystalgen.export.record import CrystalRecord, to_line
from crystalgen.export.run_folder import (
    MANIFEST,
    RECORDS,
    UNFINISHED,
    disk_error,
    drop_torn_line,
    remove_run,
    write_whole,
)
from crystalgen.export.texts import WRITERS

DISK_THREADS = 4
"""Threads that wait for the disk; more gain nothing on one disk."""
LARGEST_QUEUE = 32
"""Crystals that may wait for the disk at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rendered:
    """All that is to be written of one crystal."""

    files: tuple[tuple[Path, str], ...]
    line: bytes
    frame: bytes


class RunWriter:
    """Writes one run; use it in a ``with`` block.

    The files of a crystal are written under temporary names, synced to the disk and
    renamed, by threads of their own as syncing is nothing but waiting; then its line
    is appended to the records, in the order of `add`. So a line always stands for
    complete files. Leaving the block completes what is in the queue.

    Args:
        folder: Where to write; `reserved_folder` has checked it. An old run in it is
            removed, unless this one goes on with it.
        manifest: The run as it starts; written at once, and again by `finish`.
        formats: What to write beside the records.
        started: Start of the run by ``time.monotonic``, in seconds.
        earlier: Records in the folder to go on from; what else is missing of these
            crystals is written again.

    Raises:
        ExportError: The folder cannot be written, is full, or a CIF does not read
            back. Crystals that were complete before stay.
    """

    def __init__(
        self,
        folder: Path,
        manifest: Manifest,
        *,
        formats: tuple[Format, ...],
        started: float | None = None,
        earlier: Sequence[CrystalRecord] = (),
    ) -> None:
        self.folder = folder
        self.n_written = len(earlier)
        """Crystals that are complete on the disk."""
        self._manifest = manifest
        self._formats = formats
        self._started = time.monotonic() if started is None else started
        self._queue: deque[tuple[_Rendered, Future[None]]] = deque()
        self._frames_path = folder / FILE_NAMES[Format.EXTXYZ]
        if not earlier:
            remove_run(folder)
        try:
            for each in formats:
                (folder / FILE_NAMES[each]).parent.mkdir(exist_ok=True)
            write_whole(folder / MANIFEST, to_json(manifest))
            drop_torn_line(folder / RECORDS)
            self._records = _open(folder / RECORDS)
            _unfinished(self._frames_path).unlink(missing_ok=True)
            self._frames = _open(_unfinished(self._frames_path))
            self._restore(earlier)
        except OSError as error:
            raise disk_error(folder, error) from error
        self._pool = ThreadPoolExecutor(DISK_THREADS, thread_name_prefix="export")

    def __enter__(self) -> "RunWriter":
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._drain(0)
        finally:
            self._close()

    def add(self, record: CrystalRecord) -> None:
        """Check a crystal and write it; `finish` completes it at the latest."""
        rendered = self._render(record)
        self._queue.append((rendered, self._pool.submit(_write, rendered)))
        self._drain(LARGEST_QUEUE)

    def finish(
        self,
        *,
        status: Status,
        counts: Counts,
        reason: str | None = None,
        rejections: Mapping[str, int] | None = None,
    ) -> Manifest:
        """Complete all files and the manifest, and say what was written.

        Args:
            status: How the run ended.
            counts: What became of the draws; ``written`` is filled in here.
            reason: Why fewer crystals were written than asked for.
            rejections: How many draws were rejected, by reason.
        """
        self._drain(0)
        manifest = replace(
            self._manifest,
            status=status,
            counts=replace(counts, written=self.n_written),
            reason=reason,
            rejections=dict(rejections or {}),
            seconds=round(time.monotonic() - self._started, 3),
        )
        try:
            os.fsync(self._records.fileno())
            if Format.EXTXYZ in self._formats:
                os.fsync(self._frames.fileno())
                _unfinished(self._frames_path).replace(self._frames_path)
            write_whole(self.folder / MANIFEST, to_json(manifest))
        except OSError as error:
            raise disk_error(self.folder, error) from error
        return manifest

    def _restore(self, earlier: Sequence[CrystalRecord]) -> None:
        """Write what is missing of crystals that have a line in the records."""
        for record in earlier:
            paths = self._paths(record)
            if Format.EXTXYZ in self._formats or not all(map(Path.exists, paths)):
                rendered = self._render(record)
                _append(self._frames, rendered.frame)
                _write(rendered)

    def _paths(self, record: CrystalRecord) -> list[Path]:
        """Files of one crystal."""
        names = (FILE_NAMES[each] for each in self._formats if each != Format.EXTXYZ)
        return [self.folder / name.format(id=record.identifier) for name in names]

    def _render(self, record: CrystalRecord) -> _Rendered:
        weights = self._manifest.weights
        texts = {each: WRITERS[each](record, weights) for each in self._formats}
        frame = texts.pop(Format.EXTXYZ, "")
        files = zip(self._paths(record), texts.values(), strict=True)
        line = to_line(record) + "\n"
        return _Rendered(files=tuple(files), line=line.encode(), frame=frame.encode())

    def _drain(self, n_waiting: int) -> None:
        """Complete crystals in order until so many are left in the queue."""
        while len(self._queue) > n_waiting:
            rendered, written = self._queue[0]
            try:
                written.result()
                _append(self._frames, rendered.frame)
                _append(self._records, rendered.line)
            except OSError as error:
                self._abandon()
                raise ExportError(
                    f"{disk_error(self.folder, error)}; the {self.n_written} crystals "
                    "written before are complete"
                ) from error
            self._queue.popleft()
            self.n_written += 1

    def _abandon(self) -> None:
        """Remove the files of crystals that have no line in the records."""
        for rendered, written in self._queue:
            written.exception()
            for path, _ in rendered.files:
                path.unlink(missing_ok=True)
        self._queue.clear()

    def _close(self) -> None:
        self._pool.shutdown()
        self._records.close()
        self._frames.close()
        _unfinished(self._frames_path).unlink(missing_ok=True)


def _write(rendered: _Rendered) -> None:
    for path, text in rendered.files:
        write_whole(path, text)


def _unfinished(path: Path) -> Path:
    return path.with_name(path.name + UNFINISHED)


def _open(path: Path) -> BinaryIO:
    # unbuffered: what is appended survives the end of the process
    return path.open("ab", buffering=0)


def _append(file: BinaryIO, data: bytes) -> None:
    """Append all of the data, or nothing if the disk is full."""
    if not data:
        return
    end = file.tell()
    try:
        while data:
            data = data[file.write(data) :]
    except OSError:
        file.truncate(end)
        raise
