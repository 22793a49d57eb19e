from dataclasses import replace

import numpy as np
import torch

from crystalgen.model.collate import collate, label_examples
from crystalgen.model.properties import (
    PropertyScales,
    fit_scales,
    property_columns,
)
from crystalgen.model.statistics import Statistics, count_statistics


def with_values(tables, **properties):
    crystals, graphs = tables
    return replace(crystals, properties=properties), graphs


def test_normal_labels_have_their_mean_and_deviation():
    values = np.random.default_rng(0).normal(3.0, 2.0, 100_000)
    values[::7] = np.nan
    [centre], [scale], [low], [high] = fit_scales({"x": values}, ["x"])
    assert abs(centre - 3) < 0.03
    assert abs(scale - 2) < 0.03
    assert low < 3 - 2.9 * 2
    assert high > 3 + 2.9 * 2


def test_labels_that_are_all_alike_have_a_scale_all_the_same():
    scales = PropertyScales(fit_scales({"x": np.full(14, 2.0)}, ["x"]))
    standard = scales.standardise(torch.tensor([[2.0], [3.0], [float("nan")]]))
    assert standard[0] == 0
    assert standard[1].isfinite()
    assert standard[2].isnan()


def test_a_column_that_is_missing_or_infinite_is_unknown():
    columns = property_columns(
        {"x": np.array([1.0, np.inf, np.nan])}, ["y", "x"], n_crystals=3
    )
    assert np.isnan(columns[:, 0]).all()
    np.testing.assert_array_equal(columns[:, 1], [1.0, np.nan, np.nan])


def test_a_batch_holds_the_labels_of_its_crystals(tables):
    values = np.arange(14.0)
    values[3] = np.nan
    table, graphs = with_values(tables, x=values)
    vocabulary = count_statistics(table, graphs).vocabulary
    examples = label_examples(table, graphs, vocabulary, ["x"])
    batch = collate(examples, np.array([5, 3, 0]))
    np.testing.assert_array_equal(batch.properties[:, 0], [5.0, np.nan, 0.0])


def test_scales_come_back_from_a_checkpoint(tables):
    statistics = count_statistics(*with_values(tables, x=np.arange(14.0)), ["x"])
    again = Statistics.from_tensors(statistics.state_dict())
    assert again.state_dict().keys() == statistics.state_dict().keys()
    assert again.properties is not None
    assert torch.equal(again.properties.centre, torch.tensor([6.5]))


def test_statistics_without_properties_hold_nothing_of_them(tables):
    statistics = count_statistics(*with_values(tables, x=np.arange(14.0)))
    assert statistics.properties is None
    assert not any("properties" in name for name in statistics.state_dict())
