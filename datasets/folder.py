"""Crystals from CIF, POSCAR and extended XYZ files, or a folder of them, at any depth.

A file may hold many crystals (data blocks of a CIF, frames of an extxyz); they are
told apart here and parsed elsewhere. Hidden files and folders are passed over.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from crystalgen.datasets.entry import Entry, FileText, Source, Unreadable
from crystalgen.errors import DatasetError

_FORMATS = {
    ".cif": "cif",
    ".vasp": "poscar",
    ".poscar": "poscar",
    ".extxyz": "extxyz",
    ".xyz": "extxyz",
}
_SITE_LINE = re.compile(r"^\s*_atom_site_fract_", re.MULTILINE | re.IGNORECASE)
_POSCAR_NAMES = ("POSCAR", "CONTCAR")


def folder_source(path: Path) -> Source:
    """Find the files of a folder and count their crystals.

    Raises:
        DatasetError: No such folder, or it holds no file of a known format.
    """
    if not path.is_dir():
        raise DatasetError(f"{path}: no such folder")
    files = [file for file in _files(path) if _format(file) is not None]
    if not files:
        raise DatasetError(
            f"{path}: no crystal in this folder; expected .cif, .vasp, POSCAR*,"
            " CONTCAR*, .extxyz or .xyz files, at any depth"
        )
    return Source(
        name=path.resolve().name,
        license="unknown",
        citation="",
        n_entries=sum(1 for file in files for _ in _texts(file)),
        entries=lambda: (entry for file in files for entry in _entries(path, file)),
    )


def file_source(path: Path) -> Source:
    """Count the crystals of one file.

    Raises:
        DatasetError: No such file, or not of a known format.
    """
    _check_file(path)
    return Source(
        name=path.name,
        license="unknown",
        citation="",
        n_entries=sum(1 for _ in _texts(path)),
        entries=lambda: _entries(path.parent, path),
    )


def read_one(path: Path) -> FileText:
    """Read a file that holds one crystal.

    Raises:
        DatasetError: There is no such file, its format is unknown, or it holds several
            crystals or none.
    """
    _check_file(path)
    crystals = list(_texts(path))
    if len(crystals) != 1:
        raise DatasetError(f"{path}: got {len(crystals)} crystals; expected one")
    [crystal] = crystals
    if isinstance(crystal, Unreadable):
        raise DatasetError(f"{path}: {crystal.reason}")
    return crystal


def is_structure_file(path: Path) -> bool:
    """Whether a file is of a known format, by its name."""
    return _format(path) is not None


def _check_file(path: Path) -> None:
    if not path.is_file():
        raise DatasetError(f"{path}: no such file")
    if not is_structure_file(path):
        raise DatasetError(
            f"{path}: of unknown kind; expected .cif, .vasp, POSCAR*, CONTCAR*, .extxyz"
            " or .xyz"
        )


def _files(folder: Path) -> list[Path]:
    """All visible files, in the order of their names at every depth."""
    found = []
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        if path.is_dir():
            found += _files(path)
        elif path.is_file():
            found.append(path)
    return found


def _format(path: Path) -> str | None:
    if path.name.startswith(_POSCAR_NAMES):
        return "poscar"
    return _FORMATS.get(path.suffix.lower())


def _entries(folder: Path, file: Path) -> Iterator[Entry]:
    name = file.relative_to(folder).as_posix()
    payloads = list(_texts(file))
    for number, payload in enumerate(payloads):
        identifier = name if len(payloads) == 1 else f"{name}#{number}"
        yield Entry(identifier=identifier, payload=payload)


def _texts(file: Path) -> Iterator[FileText | Unreadable]:
    """The crystals of one file, each as the text of its own."""
    try:
        text = file.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        yield Unreadable(reason=f"cannot be read: {error.strerror}")
        return
    match _format(file):
        case "cif":
            yield from (FileText(text=t, format="cif") for t in _cif_blocks(text))
        case "extxyz":
            yield from _frames(text)
        case _:
            yield FileText(text=text, format="poscar")


def _cif_blocks(text: str) -> list[str]:
    """The data blocks that hold sites; the text as it is if there are not several."""
    blocks: list[list[str]] = [[]]
    in_text_field = False
    for line in text.splitlines(keepends=True):
        if line.startswith(";"):
            in_text_field = not in_text_field
        if line[:5].lower() == "data_" and not in_text_field:
            blocks.append([])
        blocks[-1].append(line)
    whole = ["".join(lines) for lines in blocks]
    with_sites = [block for block in whole if _SITE_LINE.search(block)]
    return with_sites if len(with_sites) > 1 else [text]


def _frames(text: str) -> Iterator[FileText | Unreadable]:
    """The frames of an extxyz file: a count, a comment, then as many lines."""
    lines = text.splitlines()
    start = 0
    while start < len(lines):
        if not lines[start].strip():
            start += 1
            continue
        try:
            n_atoms = int(lines[start])
        except ValueError:
            yield Unreadable(
                reason=f"not a readable extxyz: line {start + 1} is"
                f" {lines[start][:40]!r}; expected a number of atoms"
            )
            return
        end = start + 2 + n_atoms
        yield FileText(text="\n".join(lines[start:end]) + "\n", format="extxyz")
        start = end
