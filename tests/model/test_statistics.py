from collections import Counter

import numpy as np
import pytest
import torch

from crystalgen.graphs.table import GraphTable
from crystalgen.model.embedding import N_SPECIES
from crystalgen.model.statistics import (
    MIN_PAIRS,
    PAIR_QUANTILE,
    Statistics,
    count_statistics,
    shortest_distances,
)
from crystalgen.representation.table import CrystalTable


@pytest.fixture(scope="module")
def stretched(crystals, tables):
    """Each crystal 25 times, with edges stretched at random."""
    source = np.random.default_rng(0)
    graphs = []
    for _ in range(25):
        for index in range(len(crystals)):
            graph = tables[1].graph(index)
            stretch = source.uniform(0.9, 1.1, len(graph.length)).astype(np.float32)
            graphs.append(graph._replace(length=graph.length * stretch))
    names = [each.formula for each in crystals] * 25
    table = CrystalTable.from_crystals(list(crystals) * 25, identifiers=names)
    return table, GraphTable.from_graphs(graphs)


def test_species_are_counted_once_for_each_crystal(crystals, tables):
    counted = Counter(number for each in crystals for number in set(each.species))
    statistics = count_statistics(*tables)
    assert statistics.species_count.tolist() == [counted[z] for z in range(N_SPECIES)]


def test_common_prototypes_come_first_and_are_embedded(tables):
    statistics = count_statistics(*tables)
    counts = statistics.prototype_count.tolist()
    assert counts == [3, 2, *[1] * 9]
    assert statistics.n_embedded == 2


def test_limits_are_quantiles_of_the_nearest_distance_in_each_crystal(stretched):
    crystals, graphs = stretched
    nearest = {}
    for index in range(len(crystals)):
        graph, species = graphs.graph(index), crystals.crystal(index).species
        own = {}
        for source, target, length in zip(
            graph.source, graph.target, graph.length, strict=True
        ):
            pair = tuple(sorted((species[source], species[target])))
            own[pair] = min(own.get(pair, np.inf), float(length))
        for pair, length in own.items():
            nearest.setdefault(pair, []).append(length)
    expected = np.zeros((N_SPECIES, N_SPECIES))
    for (one, other), lengths in nearest.items():
        if len(lengths) >= MIN_PAIRS:
            limit = np.quantile(lengths, PAIR_QUANTILE)
            expected[one, other] = expected[other, one] = limit
    limits = shortest_distances(crystals, graphs)
    np.testing.assert_allclose(limits, expected, rtol=1e-5)
    assert 0 < limits[11, 17] < 5.64 / 2 < limits[17, 17]


def test_a_pair_seen_too_rarely_has_no_limit(tables):
    assert not shortest_distances(*tables).any()


def test_buffers_and_statistics_are_inverse_to_each_other(stretched):
    statistics = count_statistics(*stretched)
    tensors = statistics.state_dict()
    again = Statistics.from_tensors(tensors)
    assert again.state_dict().keys() == tensors.keys()
    for name, tensor in again.state_dict().items():
        assert torch.equal(tensor, tensors[name])
        assert tensor.dtype == tensors[name].dtype
    assert again.vocabulary.index == statistics.vocabulary.index


def test_statistics_have_nothing_to_train(tables):
    assert list(count_statistics(*tables).parameters()) == []
