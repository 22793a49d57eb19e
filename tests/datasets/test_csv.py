import gzip
import hashlib

import pytest

from crystalgen.datasets.csv import csv_source
from crystalgen.datasets.entry import FileText
from crystalgen.datasets.parsing import parse
from crystalgen.errors import DatasetError


def test_rows_become_entries_in_their_order(table, salts):
    source = csv_source(table)

    entries = list(source.entries())

    assert source.n_entries == len(entries) == 3
    assert [entry.identifier for entry in entries] == ["mp-0", "mp-1", "mp-2"]
    formulas = [parse(entry.payload).formula for entry in entries]
    assert formulas == [salt.formula for salt in salts]


def test_numeric_columns_are_labels_and_missing_values_are_left_out(table):
    properties = [entry.properties for entry in csv_source(table).entries()]

    assert properties[0] == {"band_gap": 0.5, "e_above_hull": 0.1}
    assert properties[1] == {"band_gap": 1.5}


def test_a_formula_that_python_reads_as_infinity_is_no_label(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("pretty_formula,cif\nInF,x\nNaN,y\n1e2,z\n")

    assert all(not entry.properties for entry in csv_source(path).entries())


def test_a_column_with_one_word_in_it_is_no_label(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("gap,cif\n1.0,x\nunknown,y\n")

    assert [entry.properties for entry in csv_source(path).entries()] == [{}, {}]


def test_row_numbers_stand_in_for_missing_identifiers(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text(",cif,modulus\n17,x,2\n99,y,3\n")

    entries = list(csv_source(path).entries())

    assert [entry.identifier for entry in entries] == ["0", "1"]
    assert [entry.properties for entry in entries] == [
        {"modulus": 2.0},
        {"modulus": 3.0},
    ]


def test_a_gzipped_table_reads_like_the_plain_one(table, gzipped_table):
    plain, packed = csv_source(table), csv_source(gzipped_table)

    assert list(plain.entries()) == list(packed.entries())
    assert plain.sha256 == packed.sha256
    assert plain.sha256 == hashlib.sha256(table.read_bytes()).hexdigest()


def test_a_table_from_a_spreadsheet_reads_like_the_plain_one(table, tmp_path):
    path = tmp_path / "windows.csv"
    text = table.read_text().replace("\n", "\r\n")
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())

    formulas = [parse(entry.payload).formula for entry in csv_source(path).entries()]

    assert formulas == ["Na4 Cl4", "Mg4 O4", "Li4 F4"]


def test_a_cif_longer_than_the_standard_librarys_limit_is_read(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text(f'material_id,cif\na,"{"x" * 300_000}"\n')

    (entry,) = csv_source(path).entries()

    assert entry.payload == FileText(text="x" * 300_000, format="cif")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"a,cif\n", "no rows"),
        (b"a,b\n1,2\n", "no column 'cif'; there are: a, b$"),
        (b"id,CIFs,cifs\n1,2,3\n", "rename 'cifs'"),
        (b"a,cif\n1,2,3\n", "line 2: 3 fields; expected 2"),
        (b"a,cif\n\xff\xfe,2\n", "not UTF-8"),
        (gzip.compress(b"a,cif\n" * 999, mtime=0)[:-12], "cut off or damaged"),
    ],
)
def test_a_broken_table_is_refused_by_its_name(tmp_path, content, message):
    path = tmp_path / "broken.csv"
    path.write_bytes(content)

    with pytest.raises(DatasetError, match=message) as caught:
        csv_source(path)
    assert str(path) in str(caught.value)


def test_a_missing_table_is_refused(tmp_path):
    with pytest.raises(DatasetError, match="no such file"):
        csv_source(tmp_path / "none.csv")


@pytest.mark.data
def test_a_real_table_has_its_published_length_and_labels(real_data):
    source = csv_source(real_data / "mp_20" / "val.csv.gz")

    entry = next(source.entries())

    assert source.n_entries == 1797
    assert entry.identifier.startswith("mp-")
    assert {"band_gap", "formation_energy_per_atom"} <= set(entry.properties)
