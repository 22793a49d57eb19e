"""The one file that training reads: crystals and graphs as flat arrays.

A safetensors file with the arrays of `CrystalTable` and `GraphTable` under the
prefixes ``crystals/`` and ``graphs/`` and a description in its header. It is read by
mapping it into memory, so that opening costs nothing and processes share it; it is
written under a temporary name, synced and renamed, so that it is whole or not there.
"""

import json
import os
import struct
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save

import crystalgen
from crystalgen.errors import DatasetError, RepresentationError
from crystalgen.graphs import GraphTable
from crystalgen.representation.table import CrystalTable

FORMAT = "crystalgen-cache"
FORMAT_VERSION = 1

_KEY = "crystalgen"  # one key: several would be written in random order
_MAX_HEADER = 100_000_000  # bytes; the limit of the safetensors library
_DTYPES = {
    "U8": np.uint8,
    "I8": np.int8,
    "I16": np.int16,
    "I32": np.int32,
    "I64": np.int64,
    "F32": np.float32,
    "F64": np.float64,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheInfo:
    """What a cache says of itself."""

    source: str
    """Catalogue name, or the last part of the path that was read."""
    license: str
    """Licence of the data, or 'unknown'."""
    citation: str
    """Whom to cite, or nothing."""
    source_sha256: str
    """Of the file that was read, uncompressed; empty where there is no one file."""
    n_read: int
    """Entries of the source."""
    n_kept: int
    """Crystals in the cache."""
    symprec: float
    """Tolerance in Å within which a symmetry counted."""
    n_neighbours: int
    """Neighbours of each orbit in the graphs."""
    max_atoms: int | None = None
    """Most atoms allowed in a primitive cell."""
    rejected: dict[str, int] = field(default_factory=dict)
    """Entries left out, by reason."""
    package_version: str = crystalgen.__version__
    """Version of crystalgen that wrote it."""


def write_cache(
    path: Path, crystals: CrystalTable, graphs: GraphTable, info: CacheInfo
) -> None:
    """Write a cache, whole or not at all; an older one in its place is replaced.

    The same content gives the same bytes.

    Raises:
        DatasetError: The place cannot be written to, or the tables disagree.
    """
    if len(crystals) != len(graphs) or len(crystals) != info.n_kept:
        raise DatasetError(
            f"cache: {len(crystals)} crystals, {len(graphs)} graphs,"
            f" {info.n_kept} announced; expected one number"
        )
    arrays = {f"crystals/{name}": a for name, a in crystals.arrays().items()}
    arrays |= {f"graphs/{name}": a for name, a in graphs.arrays().items()}
    tensors = {name: np.ascontiguousarray(arrays[name]) for name in sorted(arrays)}
    header = {"format": FORMAT, "format_version": FORMAT_VERSION, **asdict(info)}
    data = save(tensors, metadata={_KEY: json.dumps(header, sort_keys=True)})
    write_whole(path, data)


def write_whole(path: Path, data: bytes) -> None:
    """Write a file under a temporary name, sync it and give it its own.

    Raises:
        DatasetError: The folder is missing, or cannot be written to, or is full.
    """
    temporary: Path | None = None
    try:
        with tempfile.NamedTemporaryFile(
            dir=path.parent, prefix=f".{path.name}.", delete=False
        ) as file:
            temporary = Path(file.name)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    except OSError as error:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        raise DatasetError(f"{path}: cannot be written: {error.strerror}") from error


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def read_cache(path: Path) -> tuple[CrystalTable, GraphTable]:
    """Map a cache into memory.

    The arrays are read-only views of the file.

    Raises:
        DatasetError: Not a cache, cut off, or of another format version.
    """
    header, start = _header(path)
    _info(path, header)
    memory = np.memmap(path, dtype=np.uint8, mode="r")
    arrays = {
        name: _array(path, memory[start:], entry)
        for name, entry in header.items()
        if name != "__metadata__"
    }
    try:
        crystals = CrystalTable.from_arrays(_part(arrays, "crystals/"))
        graphs = GraphTable.from_arrays(_part(arrays, "graphs/"))
    except RepresentationError as error:
        raise DatasetError(f"{path}: a damaged cache: {error}") from error
    return crystals, graphs


def read_cache_info(path: Path) -> CacheInfo:
    """The description in the header of a cache.

    Raises:
        DatasetError: As for `read_cache`.
    """
    header, _ = _header(path)
    return _info(path, header)


def _header(path: Path) -> tuple[dict[str, Any], int]:
    """The safetensors header and where the arrays start."""
    foreign = DatasetError(
        f"{path}: not a crystalgen cache; `crystalgen data build` writes them"
    )
    try:
        with path.open("rb") as file:
            head = file.read(8)
            size = struct.unpack("<Q", head)[0] if len(head) == 8 else 0
            if not 2 <= size <= _MAX_HEADER:
                raise foreign
            text = file.read(size)
    except FileNotFoundError as error:
        raise DatasetError(f"{path}: no such file") from error
    except OSError as error:
        raise DatasetError(f"{path}: {error.strerror or error}") from error
    try:
        header = json.loads(text)
    except ValueError as error:
        raise foreign from error
    if not isinstance(header, dict) or _KEY not in header.get("__metadata__", {}):
        raise foreign
    ends = [
        entry["data_offsets"][1] for name, entry in header.items() if name[0] != "_"
    ]
    expected = 8 + size + max(ends, default=0)
    found = path.stat().st_size
    if found != expected:
        raise DatasetError(
            f"{path}: a damaged cache: {found} bytes; expected {expected}."
            " Build it again"
        )
    return header, 8 + size


def _info(path: Path, header: Mapping[str, Any]) -> CacheInfo:
    description = json.loads(header["__metadata__"][_KEY])
    found = (description.pop("format", None), description.pop("format_version", None))
    if found != (FORMAT, FORMAT_VERSION):
        raise DatasetError(
            f"{path}: format {found[0]} {found[1]}; this version of crystalgen reads"
            f" {FORMAT} {FORMAT_VERSION}. Build it again"
        )
    known = {f.name for f in fields(CacheInfo)}
    if set(description) != known:
        raise DatasetError(
            f"{path}: a damaged cache: its description has"
            f" {sorted(set(description) ^ known)} too many or too few"
        )
    return CacheInfo(**description)


def _array(path: Path, data: np.ndarray, entry: Mapping[str, Any]) -> np.ndarray:
    start, end = entry["data_offsets"]
    dtype = _DTYPES.get(entry["dtype"])
    if dtype is None:
        raise DatasetError(f"{path}: a damaged cache: arrays of {entry['dtype']}")
    try:
        return data[start:end].view(dtype).reshape(entry["shape"])
    except ValueError as error:
        raise DatasetError(f"{path}: a damaged cache: {error}") from error


def _part(arrays: Mapping[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    return {
        name.removeprefix(prefix): array
        for name, array in arrays.items()
        if name.startswith(prefix)
    }
