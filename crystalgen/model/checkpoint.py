"""One file of named tensors with its settings inside: weights and resume states.

The file is plain safetensors, so any tool can open it, and nothing in it is ever
unpickled. The header carries our format version, the kind of file, the settings as
JSON and two SHA-256: of the tensor bytes (the identity of the weights) and of the
header itself (so that no flipped bit anywhere goes unnoticed).
Knows bytes and names, not what the tensors mean.
"""

import hashlib
import json
import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from crystalgen.errors import CheckpointError

FORMAT = "crystalgen"
FORMAT_VERSION = 1
_BLANK = "0" * 64
_MAX_HEADER = 100_000_000  # bytes; safetensors' own limit

Kind = Literal["model", "state"]
"""Weights to generate with, or everything needed to go on training."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """What a checkpoint file holds."""

    tensors: dict[str, Tensor]
    """On the CPU; floats stored in half precision come back as float32."""
    config: dict[str, Any]
    """Settings as plain JSON values, for the owner to build its dataclasses from."""
    name: str
    """What the weights are called in manifests and messages."""
    sha256: str
    """Of the tensor bytes in the file, as 64 hexadecimal digits."""
    format_version: int
    """Version of the layout of the file."""
    metadata: dict[str, str]
    """Further entries of the header."""


def save_checkpoint(
    path: Path,
    tensors: Mapping[str, Tensor],
    config: Mapping[str, Any],
    *,
    metadata: Mapping[str, str] | None = None,
    dtype: torch.dtype | None = None,
    kind: Kind = "model",
) -> str:
    """Write a checkpoint whole: a reader sees the old file or the new one.

    The same content gives the same bytes.

    Args:
        path: Where to; its folder is created.
        tensors: Named tensors on any device.
        config: Settings made of plain JSON values.
        metadata: Further header entries; ``name`` replaces the name of the file.
        dtype: Store floating-point tensors in this type, for example
            ``torch.float16`` for half the size.
        kind: What the file is for.

    Returns:
        The SHA-256 of the tensor bytes.

    Raises:
        CheckpointError: A value does not fit ``dtype``, or the file cannot be written.
    """
    stored = {
        name: _stored(name, tensor, dtype=dtype) for name, tensor in tensors.items()
    }
    header, data = _split(safetensors.torch.save(stored))
    sha256 = hashlib.sha256(data).hexdigest()
    layout = json.loads(header)
    layout["__metadata__"] = {
        "name": path.stem,
        **(metadata or {}),
        "format": FORMAT,
        "format_version": str(FORMAT_VERSION),
        "kind": kind,
        "config": json.dumps(config),
        "sha256": sha256,
        "header_sha256": _BLANK,
    }
    blank = json.dumps(layout, sort_keys=True, separators=(",", ":")).encode()
    blank += b" " * (-len(blank) % 8)
    digest = hashlib.sha256(blank).hexdigest()
    whole = blank.replace(
        f'"header_sha256":"{_BLANK}"'.encode(), f'"header_sha256":"{digest}"'.encode()
    )
    write_whole(path, struct.pack("<Q", len(whole)) + whole + data)
    return sha256


def load_checkpoint(path: Path, *, kind: Kind = "model") -> Checkpoint:
    """Read a checkpoint and prove that it is whole.

    Args:
        path: A file written by :func:`save_checkpoint`.
        kind: What the file must be for.

    Raises:
        CheckpointError: The file is missing, is not a crystalgen checkpoint, is
            truncated or damaged, or belongs to another version or purpose.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise CheckpointError(
            f"{path}: no such file; expected a checkpoint written by `crystalgen train`"
        ) from error
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read: {error.strerror}") from error
    layout = _layout(path, content)
    entries = layout["__metadata__"]
    _check_version(path, entries)
    _check_whole(path, content, layout)
    if entries["kind"] != kind:
        remedy = {
            "model": "the weights are in model.safetensors beside it",
            "state": "the state to resume from is state.safetensors beside it",
        }[kind]
        raise CheckpointError(
            f"{path}: holds a {entries['kind']}, expected a {kind}; {remedy}"
        )
    try:
        tensors = safetensors.torch.load(content)
    except SafetensorError as error:
        raise CheckpointError(f"{path}: damaged ({error}); copy it again") from error
    return Checkpoint(
        tensors={name: _restored(tensor) for name, tensor in tensors.items()},
        config=json.loads(entries["config"]),
        name=entries["name"],
        sha256=entries["sha256"],
        format_version=int(entries["format_version"]),
        metadata={key: entries[key] for key in entries.keys() - _OWN_ENTRIES},
    )


def tensors_under(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Those whose names begin with a prefix, by the rest of their names."""
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }


def write_whole(path: Path, content: bytes) -> None:
    """Write a file under a temporary name, sync it and rename it into place.

    Raises:
        CheckpointError: The folder or the file cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise CheckpointError(
            f"{path}: cannot be written: {error.strerror}; "
            "the file that was there before is unchanged"
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


_OWN_ENTRIES = {
    *("format", "format_version", "kind", "name"),
    *("config", "sha256", "header_sha256"),
}


def _stored(name: str, tensor: Tensor, *, dtype: torch.dtype | None) -> Tensor:
    tensor = tensor.detach().cpu()
    if dtype is None or not tensor.is_floating_point():
        # a copy: safetensors refuses tensors that share memory, as tied weights do
        return tensor.clone(memory_format=torch.contiguous_format)
    stored = tensor.to(dtype)
    if bool(stored.isfinite().logical_not().logical_and(tensor.isfinite()).any()):
        raise CheckpointError(
            f"{name}: {float(tensor.abs().max()):g} does not fit {dtype}; "
            "store the tensors as torch.float32"
        )
    return stored.clone(memory_format=torch.contiguous_format)


def _restored(tensor: Tensor) -> Tensor:
    half = tensor.dtype in (torch.float16, torch.bfloat16)
    return tensor.to(torch.float32) if half else tensor


def _split(content: bytes) -> tuple[bytes, bytes]:
    start = 8 + struct.unpack("<Q", content[:8])[0]
    return content[8:start], content[start:]


def _layout(path: Path, content: bytes) -> dict[str, Any]:
    """Parse the header, or say that the file is foreign."""
    foreign = CheckpointError(
        f"{path}: not a crystalgen checkpoint; "
        "expected a .safetensors file written by `crystalgen train`"
    )
    if len(content) < 8:
        raise foreign
    n_header = struct.unpack("<Q", content[:8])[0]
    if n_header > _MAX_HEADER or content[8:9] != b"{":
        raise foreign
    if len(content) < 8 + n_header:
        raise CheckpointError(f"{path}: truncated within its header; copy it again")
    try:
        layout = json.loads(content[8 : 8 + n_header])
    except ValueError as error:
        raise CheckpointError(
            f"{path}: damaged, its header is not JSON; copy it again"
        ) from error
    if layout.get("__metadata__", {}).get("format") != FORMAT:
        raise foreign
    return layout


def _check_version(path: Path, entries: Mapping[str, str]) -> None:
    found = entries.get("format_version")
    if found != str(FORMAT_VERSION):
        raise CheckpointError(
            f"{path}: format version {found}, expected {FORMAT_VERSION}; "
            "use the release of crystalgen that wrote it, or train it again"
        )


def _check_whole(path: Path, content: bytes, layout: Mapping[str, Any]) -> None:
    entries = layout["__metadata__"]
    header, data = _split(content)
    digest = str(entries.get("header_sha256"))
    blank = header.replace(
        f'"header_sha256":"{digest}"'.encode(), f'"header_sha256":"{_BLANK}"'.encode()
    )
    if hashlib.sha256(blank).hexdigest() != digest:
        raise CheckpointError(f"{path}: damaged, its header has changed; copy it again")
    ends = [
        entry["data_offsets"][1]
        for name, entry in layout.items()
        if name != "__metadata__"
    ]
    n_expected = max(ends, default=0)
    if len(data) < n_expected:
        raise CheckpointError(
            f"{path}: truncated, {len(data):,} of {n_expected:,} bytes of tensors; "
            "copy it again"
        )
    if hashlib.sha256(data).hexdigest() != entries["sha256"]:
        raise CheckpointError(
            f"{path}: damaged, the SHA-256 of its tensors is not the one in its "
            "header; copy it again"
        )
