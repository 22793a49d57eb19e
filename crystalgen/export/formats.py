"""Names of the file formats, and where each goes in a run folder.

Imports nothing heavy, so that a command line can be checked at once.
"""

from difflib import get_close_matches
from enum import Enum

from crystalgen.errors import ExportError


class Format(Enum):
    """A file format, by the name the command line knows it under."""

    CIF = "cif"
    POSCAR = "poscar"
    EXTXYZ = "extxyz"
    JSON = "json"


def parse_formats(text: str) -> tuple[Format, ...]:
    """Read a list such as "cif,poscar", without repetitions.

    Raises:
        ExportError: A format is unknown; the message names the nearest.

    >>> parse_formats("cif, poscar,cif")
    (<Format.CIF: 'cif'>, <Format.POSCAR: 'poscar'>)
    """
    names = [each.strip().lower() for each in text.split(",") if each.strip()]
    known = {each.value: each for each in Format}
    unknown = next((name for name in names if name not in known), None)
    if unknown is not None or not names:
        nearest = get_close_matches(unknown or "", known, n=1, cutoff=0.3)
        hint = f"; did you mean {nearest[0]!r}?" if nearest else ""
        raise ExportError(
            f"format: got {unknown or text!r}; expected one or more of "
            f"{', '.join(known)}{hint}"
        )
    return tuple(dict.fromkeys(known[name] for name in names))


FILE_NAMES: dict[Format, str] = {
    Format.CIF: "cif/{id}.cif",
    Format.POSCAR: "poscar/{id}.vasp",
    Format.EXTXYZ: "crystals.extxyz",
    Format.JSON: "json/{id}.json",
}
"""Where each format goes in a run folder; extended XYZ is one file for all."""
