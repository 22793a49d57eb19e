import hashlib

import pytest
from ase.build import bulk
from ase.db import connect
from ase.io import write

from crystalgen.datasets.catalog import MP_20, Split
from crystalgen.datasets.sources import catalogued_source, check_sha256, local_source
from crystalgen.errors import DatasetError


def test_a_source_is_known_by_its_name_or_its_kind(
    table, gzipped_table, tmp_path_factory
):
    folder = tmp_path_factory.mktemp("metals")
    write(folder / "copper.cif", bulk("Cu"))
    database = tmp_path_factory.mktemp("database") / "metals.db"
    connect(database).write(bulk("Cu"))

    sizes = {
        str(name): local_source(str(name)).n_entries
        for name in (
            table,
            gzipped_table,
            folder,
            folder / "copper.cif",
            database,
            "embedded",
        )
    }

    assert list(sizes.values()) == [3, 3, 1, 1, 1, 358]


def test_an_unknown_kind_of_file_is_refused(tmp_path):
    path = tmp_path / "crystals.xlsx"
    path.write_text("")

    with pytest.raises(DatasetError, match=r"unknown kind; expected \.csv"):
        local_source(str(path))


def test_something_that_is_not_there_is_refused_with_the_nearest_name():
    with pytest.raises(DatasetError, match="did you mean 'embedded'"):
        local_source("embeded")


def test_a_catalogued_source_carries_licence_and_citation(table):
    source = catalogued_source(MP_20, Split.VAL, table)

    assert source.name == "mp-20/val"
    assert source.license == "CC-BY-4.0"
    assert "Jain" in source.citation
    assert source.n_entries == 3


def test_a_file_with_another_hash_is_refused(table):
    source = catalogued_source(MP_20, Split.VAL, table)

    check_sha256(source, "")
    check_sha256(source, hashlib.sha256(table.read_bytes()).hexdigest())
    with pytest.raises(DatasetError, match=r"mp-20/val: SHA-256 .* expected 00"):
        check_sha256(source, "00" * 32)
