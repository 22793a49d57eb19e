import numpy as np
import pytest
from hypothesis import given, strategies as st

from crystalgen.errors import RepresentationError
from crystalgen.graphs import GraphTable, QuotientGraph


def graph(n_orbits, n_neighbours, seed):
    rng = np.random.default_rng(seed)
    n_edges = n_orbits * n_neighbours
    return QuotientGraph(
        source=rng.integers(0, n_orbits, n_edges).astype(np.int32),
        target=np.repeat(np.arange(n_orbits, dtype=np.int32), n_neighbours),
        length=rng.uniform(1, 9, n_edges).astype(np.float32),
    )


graphs = st.builds(graph, st.integers(1, 20), st.integers(1, 12), st.integers(0, 99))


@given(originals=st.lists(graphs, max_size=5))
def test_every_graph_comes_back_from_the_table(originals):
    table = GraphTable.from_arrays(GraphTable.from_graphs(originals).arrays())

    assert len(table) == len(originals)
    for index, original in enumerate(originals):
        for stored, given_ in zip(table.graph(index), original, strict=True):
            np.testing.assert_array_equal(stored, given_)
            assert stored.dtype == given_.dtype


@given(originals=st.lists(graphs, min_size=1, max_size=5), data=st.data())
def test_some_graphs_of_a_table_are_the_same_graphs(originals, data):
    table = GraphTable.from_graphs(originals)
    places = st.integers(0, len(originals) - 1)
    rows = np.array(data.draw(st.lists(places, max_size=6)), dtype=np.int64)
    some = table.take(rows)
    assert len(some) == len(rows)
    for place, row in enumerate(rows.tolist()):
        for one, other in zip(some.graph(place), table.graph(row), strict=True):
            np.testing.assert_array_equal(one, other)


def test_an_index_outside_the_table_is_refused():
    table = GraphTable.from_graphs([graph(2, 3, 0)])

    for index in (-1, 1):
        with pytest.raises(IndexError, match="table of 1"):
            table.graph(index)


def test_more_orbits_than_a_byte_holds_are_refused():
    with pytest.raises(RepresentationError, match="257 orbits; at most 256"):
        GraphTable.from_graphs([graph(1, 1, 0), graph(257, 1, 0)])


def test_a_missing_field_is_named():
    arrays = GraphTable.from_graphs([graph(2, 3, 0)]).arrays()
    del arrays["length"]

    with pytest.raises(RepresentationError, match="length"):
        GraphTable.from_arrays(arrays)


@pytest.mark.parametrize("offsets", [[], [0], [1, 6], [0, 5], [0, 7, 6]])
def test_offsets_that_do_not_fit_the_edges_are_refused(offsets):
    arrays = GraphTable.from_graphs([graph(2, 3, 0)]).arrays()
    arrays["edge_offsets"] = np.array(offsets, dtype=np.int64)

    with pytest.raises(RepresentationError, match="offsets"):
        GraphTable.from_arrays(arrays)
