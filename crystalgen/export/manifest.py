"""``manifest.json``: what was asked of a run, with what, and what came of it."""

import hashlib
import json
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from importlib import metadata
from typing import Any, Literal

from crystalgen.errors import ExportError

FORMAT_VERSION = 1
PACKAGES = ("crystalgen-dvae", "torch", "numpy", "pymatgen", "ase", "spglib", "smact")

Status = Literal["running", "complete", "incomplete", "interrupted", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How many crystals passed each stage of a run."""

    asked: int
    drawn: int = 0
    """Draws from the model."""
    valid: int = 0
    """Of these, crystals that passed all checks."""
    unique: int = 0
    """Of these, crystals that repeat no earlier one."""
    written: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """All that is needed to understand, and to repeat, a run."""

    command: str
    """The exact command."""
    request: Mapping[str, Any]
    """Fields of the request, as JSON values."""
    seed: int
    weights: str
    """Name of the weights."""
    weights_sha256: str
    """SHA-256 of the file of the weights, in hexadecimal."""
    formats: tuple[str, ...]
    """Formats written beside the records."""
    counts: Counts
    status: Status = "running"
    """A run that was killed keeps "running"."""
    reason: str | None = None
    """Why fewer crystals were written than asked for."""
    rejections: Mapping[str, int] = field(default_factory=dict)
    """How many draws were rejected, by reason."""
    started: str = ""
    """Date and time, ISO 8601."""
    seconds: float = 0.0
    """Wall time of the run, loading included."""

    @property
    def run(self) -> str:
        """Six hexadecimal digits that depend on weights, request and seed."""
        key = json.dumps([self.weights_sha256, dict(self.request), self.seed])
        return hashlib.sha256(key.encode()).hexdigest()[:6]


def to_json(manifest: Manifest) -> str:
    """Write a manifest, with the versions of the packages in use."""
    entry = {
        "format_version": FORMAT_VERSION,
        "run": manifest.run,
        **asdict(manifest),
        "versions": versions(),
    }
    return json.dumps(entry, indent=2) + "\n"


def from_json(text: str) -> Manifest:
    """Read a manifest.

    Raises:
        ExportError: The text is no manifest, or one of a later version.
    """
    try:
        entry = json.loads(text)
        if entry["format_version"] > FORMAT_VERSION:
            raise ExportError(
                f"manifest: got format version {entry['format_version']}; expected "
                f"{FORMAT_VERSION} at most: install a newer crystalgen"
            )
        for derived in ("format_version", "run", "versions"):
            del entry[derived]
        entry["counts"] = Counts(**entry["counts"])
        entry["formats"] = tuple(entry["formats"])
        return Manifest(**entry)
    except (ValueError, TypeError, KeyError) as error:
        raise ExportError(f"manifest: cannot be read: {error!r}") from error


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that a run depends on."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
