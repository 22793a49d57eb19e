"""One crystal as a source holds it, before anything was parsed or checked."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, Int


@dataclass(frozen=True, slots=True, kw_only=True)
class FileText:
    """The text of one structure in a file format."""

    text: str
    format: str
    """'cif', 'poscar' or 'extxyz'."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sites:
    """A structure that the source holds as numbers."""

    lattice: Float[np.ndarray, "3 3"]
    """Cell vectors in Å, rows."""
    frac_coords: Float[np.ndarray, "atoms 3"]
    """Fractional positions."""
    numbers: Int[np.ndarray, " atoms"]
    """Atomic numbers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """What stands for a structure that the source could not even hand over."""

    reason: str


Payload = FileText | Sites | Unreadable


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One crystal of a source; cheap to send to another process."""

    identifier: str
    payload: Payload
    properties: dict[str, float] = field(default_factory=dict)
    """Labels by name, in the units of the source; missing ones are left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Somewhere crystals come from."""

    name: str
    """How the user called it: a catalogue name or the last part of a path."""
    license: str
    """Licence of the data, or 'unknown'."""
    citation: str
    """Whom to cite, or nothing."""
    n_entries: int
    """How many entries there are to read."""
    entries: Callable[[], Iterator[Entry]]
    """Read them one by one from the start; never all at once."""
    sha256: str = ""
    """Of the file that was read, in hexadecimal; empty where there is no one file."""
