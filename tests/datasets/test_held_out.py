import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from crystalgen.datasets.cache import (
    CacheInfo,
    read_cache,
    read_cache_info,
    write_cache,
)
from crystalgen.datasets.held_out import (
    ELSEWHERE,
    hold_out_prototypes,
    part_path,
    split_cache,
)
from crystalgen.errors import DatasetError
from crystalgen.graphs import GraphTable, quotient_graph
from crystalgen.representation.conversion import expand
from crystalgen.representation.framework import framework
from crystalgen.representation.prototype import prototypes_of
from crystalgen.representation.table import CrystalTable


@pytest.fixture(scope="module")
def table(crystals):
    names = [f"{place}" for place in range(len(crystals))]
    return CrystalTable.from_crystals(crystals, identifiers=names)


@pytest.fixture
def cache(tmp_path, crystals, table):
    cells = [expand(each) for each in crystals]
    graphs = GraphTable.from_graphs(
        quotient_graph(
            cell.lattice, cell.frac_coords, cell.orbit_of_atom, cell.representative
        )
        for cell in cells
    )
    info = CacheInfo(
        source="textbook",
        license="CC0",
        citation="nobody",
        source_sha256="",
        n_read=len(table) + 2,
        n_kept=len(table),
        symprec=0.1,
        n_neighbours=12,
        rejected={"unreadable": 2},
    )
    write_cache(tmp_path / "all.safetensors", table, graphs, info)
    return tmp_path / "all.safetensors"


def frameworks(table, rows):
    return {framework(table.crystal(int(row))) for row in rows}


@settings(max_examples=30)
@given(share=st.floats(0.01, 0.7), seed=st.integers(0, 10**6))
def test_parts_share_no_prototype_and_hold_all_crystals(table, share, seed):
    parts = hold_out_prototypes(table, share=share, seed=seed)
    rows = np.concatenate([part.rows for part in parts])
    assert sorted(rows.tolist()) == list(range(len(table)))
    found = [frameworks(table, part.rows) for part in parts]
    assert [len(each) for each in found] == [part.n_prototypes for part in parts]
    assert sum(map(len, found)) == len(set.union(*found))
    named = [set(prototypes_of(table.take(part.rows))) for part in parts]
    assert sum(map(len, named)) == len(set.union(*named))


@given(seed=st.integers(0, 10**6))
@settings(max_examples=10)
def test_a_seed_always_gives_the_same_parts(table, seed):
    once, again = (hold_out_prototypes(table, share=0.3, seed=seed) for _ in range(2))
    for one, other in zip(once, again, strict=True):
        np.testing.assert_array_equal(one.rows, other.rows)


def test_seeds_differ(table):
    tests = {
        tuple(hold_out_prototypes(table, share=0.3, seed=seed)[2].rows)
        for seed in range(5)
    }
    assert len(tests) > 1


def test_the_order_of_the_crystals_does_not_matter(table):
    turned = np.arange(len(table))[::-1]
    parts = hold_out_prototypes(table, share=0.3, seed=0)
    others = hold_out_prototypes(table.take(turned), share=0.3, seed=0)
    for part, other in zip(parts, others, strict=True):
        assert part.rows.tolist() == sorted(turned[other.rows].tolist())


def test_parts_are_written_with_their_graphs(cache, tmp_path):
    parts = split_cache(cache, tmp_path / "parts", share=0.3, seed=1)
    crystals, graphs = read_cache(cache)
    for part in parts:
        path = part_path(tmp_path / "parts", part)
        some, some_graphs = read_cache(path)
        names = tuple(crystals.identifiers[row] for row in part.rows)
        assert some.identifiers == names
        for place, row in enumerate(part.rows.tolist()):
            ours, theirs = some_graphs.graph(place), graphs.graph(row)
            for one, other in zip(ours, theirs, strict=True):
                np.testing.assert_array_equal(one, other)
        info = read_cache_info(path)
        how = "0.3 of prototypes held out, seed 1"
        assert info.source == f"textbook, {how}: {part.name}"
        assert info.n_kept + sum(info.rejected.values()) == info.n_read
        assert info.rejected[ELSEWHERE] == len(crystals) - len(part.rows)


def test_the_same_seed_gives_the_same_files(cache, tmp_path):
    once, again = tmp_path / "once", tmp_path / "again"
    for folder in (once, again):
        split_cache(cache, folder, share=0.3, seed=1)
    for path in once.iterdir():
        assert path.read_bytes() == (again / path.name).read_bytes()


@pytest.mark.parametrize("share", [0.5, 0.99])
def test_parts_without_crystals_are_refused(table, share):
    few = table.take(np.array([0, 1, 2, 5]))  # two prototypes
    with pytest.raises(DatasetError, match=r"^2 prototypes of which"):
        hold_out_prototypes(few, share=share, seed=0)


def test_a_folder_that_is_a_file_is_refused(cache):
    with pytest.raises(DatasetError, match=r"all\.safetensors: "):
        split_cache(cache, cache, share=0.3, seed=0)
