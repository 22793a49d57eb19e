"""From what the user calls a source to something that can be read."""

from dataclasses import replace
from pathlib import Path

from crystalgen.datasets.ase_database import SUFFIXES, ase_database_source
from crystalgen.datasets.catalog import EMBEDDED, Dataset, Split, unknown_source
from crystalgen.datasets.csv import csv_source
from crystalgen.datasets.entry import Source
from crystalgen.datasets.folder import (
    file_source,
    folder_source,
    is_structure_file,
)
from crystalgen.datasets.prototypes import embedded_source
from crystalgen.errors import DatasetError


def local_source(name: str) -> Source:
    """Open the embedded data set, a table, a folder, a file or an ASE database.

    Raises:
        DatasetError: There is no such thing, or it cannot be read.
    """
    if name == EMBEDDED.name:
        return embedded_source()
    path = Path(name)
    if not path.exists():
        raise unknown_source(name)
    if path.is_dir():
        return folder_source(path)
    if path.name.endswith((".csv", ".csv.gz")):
        return csv_source(path)
    if path.suffix in SUFFIXES:
        return ase_database_source(path)
    if is_structure_file(path):
        return file_source(path)
    raise DatasetError(
        f"{path}: of unknown kind; expected .csv, .csv.gz, an ASE .db or .json,"
        " a CIF, POSCAR or extxyz file, or a folder of them"
    )


def catalogued_source(dataset: Dataset, split: Split, path: Path) -> Source:
    """Open the file of a catalogued data set, with its licence and citation.

    Raises:
        DatasetError: The file cannot be read.
    """
    return replace(
        csv_source(path),
        name=f"{dataset.name}/{split}",
        license=dataset.license,
        citation=dataset.citation,
    )


def check_sha256(source: Source, expected: str) -> None:
    """Refuse a file that is not the one of the catalogue.

    Raises:
        DatasetError: The hash is known and another.
    """
    if expected and source.sha256 != expected:
        raise DatasetError(
            f"{source.name}: SHA-256 {source.sha256}; expected {expected}."
            " The published file has changed or was damaged on the way;"
            " pass it with --from FILE to use it all the same"
        )
