import json
import struct

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from crystalgen.datasets.cache import (
    CacheInfo,
    read_cache,
    read_cache_info,
    write_cache,
)
from crystalgen.errors import DatasetError
from crystalgen.graphs import GraphTable, quotient_graph
from crystalgen.representation.conversion import expand, from_structure
from crystalgen.representation.table import CrystalTable


@pytest.fixture
def tables(salts):
    crystals = [from_structure(salt) for salt in salts]
    cells = [expand(crystal) for crystal in crystals]
    graphs = [
        quotient_graph(
            cell.lattice, cell.frac_coords, cell.orbit_of_atom, cell.representative
        )
        for cell in cells
    ]
    table = CrystalTable.from_crystals(
        crystals,
        identifiers=("salt", "μ-magnesia", ""),
        properties={"band_gap": np.array([8.5, np.nan, 14.2])},
    )
    return table, GraphTable.from_graphs(graphs)


@pytest.fixture
def info():
    return CacheInfo(
        source="salts",
        license="CC0",
        citation="nobody",
        source_sha256="00",
        n_read=4,
        n_kept=3,
        symprec=0.1,
        n_neighbours=12,
        max_atoms=20,
        rejected={"unreadable": 1},
    )


@pytest.fixture
def cache(tmp_path, tables, info):
    path = tmp_path / "salts.safetensors"
    write_cache(path, tables[0], tables[1], info)
    return path


def rewritten(path, change):
    """The same file with another header."""
    data = path.read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + size])
    description = json.loads(header["__metadata__"]["crystalgen"])
    change(header, description)
    header["__metadata__"]["crystalgen"] = json.dumps(description)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data[8 + size :])


def test_what_was_written_is_read(cache, tables, info):
    for read, written in zip(read_cache(cache), tables, strict=True):
        assert read.arrays().keys() == written.arrays().keys()
        for name, array in written.arrays().items():
            np.testing.assert_array_equal(read.arrays()[name], array)
            assert read.arrays()[name].dtype == array.dtype
    assert read_cache(cache)[0].identifiers == ("salt", "μ-magnesia", "")
    assert read_cache_info(cache) == info


def test_arrays_are_read_only_views_of_the_file(cache):
    crystals, graphs = read_cache(cache)

    for array in (crystals.free_coords, crystals.lattice_parameters, graphs.length):
        assert isinstance(array.base, np.memmap)
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def test_the_safetensors_library_reads_it_too(cache, tables):
    tensors = load_file(cache)

    np.testing.assert_array_equal(tensors["graphs/length"], tables[1].length)


def test_the_same_content_gives_the_same_bytes(cache, tmp_path, tables, info):
    again = tmp_path / "again.safetensors"
    write_cache(again, tables[0], tables[1], info)

    assert again.read_bytes() == cache.read_bytes()


def test_nothing_else_is_left_in_the_folder(cache):
    assert list(cache.parent.iterdir()) == [cache]


@pytest.mark.parametrize("kept", [0, 7, 100, -1])
def test_a_cut_off_cache_is_refused(cache, kept):
    cache.write_bytes(cache.read_bytes()[:kept])

    with pytest.raises(DatasetError, match=r"not a crystalgen cache|damaged cache"):
        read_cache(cache)


@pytest.mark.parametrize(
    "content", [b"material_id,cif\n1,2\n", b"\x02" + bytes(7) + b"{}", bytes(64)]
)
def test_a_foreign_file_is_refused(tmp_path, content):
    path = tmp_path / "foreign"
    path.write_bytes(content)

    with pytest.raises(DatasetError, match="not a crystalgen cache"):
        read_cache(path)


def test_foreign_safetensors_are_refused(tmp_path):
    path = tmp_path / "weights.safetensors"
    save_file({"weight": np.zeros(3)}, path, metadata={"format": "pt"})

    with pytest.raises(DatasetError, match="not a crystalgen cache"):
        read_cache_info(path)


def test_a_cache_of_an_older_format_is_refused(cache):
    rewritten(cache, lambda header, info: info.update(format_version=0))

    with pytest.raises(DatasetError, match=r"reads crystalgen-cache 1\. Build it"):
        read_cache(cache)


def test_a_cache_without_a_column_is_refused(cache):
    rewritten(cache, lambda header, info: header.pop("graphs/source"))

    with pytest.raises(DatasetError, match=r"damaged cache.*source"):
        read_cache(cache)


def test_an_array_of_unknown_type_is_refused(cache):
    def change(header, info):
        header["graphs/length"]["dtype"] = "BF16"

    rewritten(cache, change)

    with pytest.raises(DatasetError, match=r"damaged cache.*BF16"):
        read_cache(cache)


def test_a_missing_cache_and_a_folder_are_refused(tmp_path):
    with pytest.raises(DatasetError, match="no such file"):
        read_cache(tmp_path / "none")
    with pytest.raises(DatasetError, match="directory"):
        read_cache(tmp_path)


def test_tables_of_different_lengths_are_refused(tmp_path, tables, info):
    crystals, _ = tables
    empty = GraphTable.from_graphs([])

    with pytest.raises(DatasetError, match="3 crystals, 0 graphs"):
        write_cache(tmp_path / "cache", crystals, empty, info)


def test_an_unwritable_place_is_refused_and_nothing_is_left(tmp_path, tables, info):
    crystals, graphs = tables
    with pytest.raises(DatasetError, match="cannot be written"):
        write_cache(tmp_path / "missing" / "cache", crystals, graphs, info)
    (tmp_path / "taken").mkdir()
    with pytest.raises(DatasetError, match="cannot be written"):
        write_cache(tmp_path / "taken", crystals, graphs, info)
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]
