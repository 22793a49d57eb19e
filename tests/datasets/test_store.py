import json

import numpy as np
import pytest

from crystalgen.datasets.build import Conversion, Kept, Reason, Rejected, collect
from crystalgen.datasets.cache import read_cache, read_cache_info
from crystalgen.datasets.entry import Source
from crystalgen.datasets.store import check_place, rejected_path, store
from crystalgen.datasets.summary import summarize
from crystalgen.errors import DatasetError
from crystalgen.graphs import quotient_graph
from crystalgen.representation.conversion import expand, from_structure

SOURCE = Source(
    name="salts",
    license="CC0",
    citation="nobody",
    n_entries=3,
    entries=lambda: iter(()),
    sha256="00",
)


@pytest.fixture
def kept(salts):
    crystal = from_structure(salts[0])
    cell = expand(crystal)
    graph = quotient_graph(
        cell.lattice, cell.frac_coords, cell.orbit_of_atom, cell.representative
    )
    return [
        Kept(identifier="a", crystal=crystal, graph=graph, properties={"gap": 8.5}),
        Kept(identifier="b", crystal=crystal, graph=graph, properties={}),
    ]


REJECTED = Rejected(identifier="c", reason=Reason.GEOMETRY, detail="no volume, 0 Å^3")


def test_the_cache_and_the_rejected_entries_are_written(tmp_path, kept):
    cache = tmp_path / "salts.safetensors"

    info = store(collect([*kept, REJECTED]), SOURCE, Conversion(max_atoms=20), cache)

    assert read_cache_info(cache) == info
    assert (info.n_read, info.n_kept, info.max_atoms) == (3, 2, 20)
    assert info.rejected == {"impossible geometry": 1}
    assert (info.source, info.license, info.source_sha256) == ("salts", "CC0", "00")
    (line,) = rejected_path(cache).read_text("utf-8").splitlines()
    assert json.loads(line) == {
        "identifier": "c",
        "reason": "impossible geometry",
        "detail": "no volume, 0 Å^3",
    }


def test_the_list_of_an_earlier_run_goes(tmp_path, kept):
    cache = tmp_path / "salts.safetensors"
    store(collect([*kept, REJECTED]), SOURCE, Conversion(), cache)

    store(collect(kept), SOURCE, Conversion(), cache)

    assert list(tmp_path.iterdir()) == [cache]


def test_a_summary_counts_what_is_there(tmp_path, kept):
    cache = tmp_path / "salts.safetensors"
    store(collect(kept), SOURCE, Conversion(), cache)

    summary = summarize(*read_cache(cache))

    assert (summary.n_crystals, summary.n_orbits, summary.max_orbits) == (2, 4, 2)
    assert (summary.n_elements, summary.n_space_groups) == (2, 1)
    assert summary.n_edges == 48
    (label,) = summary.labels
    assert (label.name, label.n_known, label.low, label.high) == ("gap", 1, 8.5, 8.5)


def test_a_label_that_no_crystal_has_is_counted_as_unknown(kept):
    collection = collect(kept)
    collection.crystals.properties["gap"][:] = np.nan

    (label,) = summarize(collection.crystals, collection.graphs).labels

    assert label.n_known == 0
    assert np.isnan(label.low)


def test_a_place_is_tried_before_the_work_begins(tmp_path):
    check_place(tmp_path / "new.safetensors")
    assert list(tmp_path.iterdir()) == []

    with pytest.raises(DatasetError, match="cannot be written"):
        check_place(tmp_path / "missing" / "new.safetensors")
    with pytest.raises(DatasetError, match="a folder; expected the name of a file"):
        check_place(tmp_path)
