from dataclasses import replace

import numpy as np
import pytest

from crystalgen.errors import DatasetError, RequestError
from crystalgen.generation.calibration import FEWEST, calibrate, save_calibrated
from crystalgen.generation.generator import Generator
from crystalgen.generation.prediction import COVERAGES, predict
from crystalgen.generation.request import Request
from crystalgen.generation.weights import load_weights
from crystalgen.model.calibration import fit_calibration
from crystalgen.representation.conversion import to_structure
from crystalgen.representation.table import CrystalTable


@pytest.fixture(scope="module")
def calibrated(told_weights, told_checkpoint, labelled, tmp_path_factory):
    """The same weights with a calibration of made-up errors."""
    import torch

    source = torch.Generator().manual_seed(0)
    numbers = torch.randn(3, 400, 2, generator=source)
    arrays = fit_calibration(numbers[0], numbers[1].exp(), numbers[2])
    path = tmp_path_factory.mktemp("calibrated") / "better.safetensors"
    save_calibrated(told_checkpoint, arrays, path)
    return load_weights(path)


def test_intervals_hold_each_other_and_the_median(told_weights, calibrated, crystals):
    for weights in (told_weights, calibrated):
        found = list(predict(weights, crystals))
        assert len(found) == len(crystals)
        for each in (one for row in found for one in row.values()):
            low, high = np.array(each.intervals).T
            assert (np.diff(low) <= 0).all()
            assert (np.diff(high) >= 0).all()
            assert low[0] <= each.median <= high[0]
            assert len(each.intervals) == len(COVERAGES)


def test_structures_are_predicted_as_their_crystals(told_weights, crystals):
    structures = [to_structure(each) for each in crystals[:4]]
    predicted = Generator(weights=told_weights).predict(structures)
    for one, two in zip(predicted, predict(told_weights, crystals[:4]), strict=True):
        assert one["gap"].median == pytest.approx(two["gap"].median, abs=1e-3)


def test_columns_say_property_and_probability(told_weights, crystals):
    [row] = predict(told_weights, crystals[:1])
    assert list(row["gap"].columns("gap")) == [
        "gap",
        *("gap_50_low", "gap_50_high", "gap_80_low", "gap_80_high"),
        *("gap_95_low", "gap_95_high"),
    ]


def test_a_calibration_changes_no_crystal(told_weights, calibrated):
    one, two = (
        [
            each.crystal.label
            for each in Generator(weights=weights).sample(Request(n=3), seed=0)
        ]
        for weights in (told_weights, calibrated)
    )
    assert one == two
    assert told_weights.sha256 != calibrated.sha256
    assert calibrated.name == "better"
    assert calibrated.networks.statistics.calibration.n.tolist() == [400, 400]


def test_too_few_labels_are_no_calibration(told_weights, labelled):
    with pytest.raises(DatasetError, match=rf"gap: 14 crystals .* least {FEWEST}"):
        calibrate(told_weights, *labelled)


def test_many_labels_are_one(told_weights, crystals, labelled):
    many = FEWEST // len(crystals) * 2
    table, graphs = labelled
    repeated = CrystalTable.from_crystals(
        crystals * many, identifiers=[str(i) for i in range(len(crystals) * many)]
    )
    columns = {name: np.tile(c, many) for name, c in table.properties.items()}
    arrays = calibrate(
        told_weights,
        replace(repeated, properties=columns),
        graphs.take(np.tile(np.arange(len(crystals)), many)),
    )
    assert arrays.n[0] == len(crystals) * many


def test_weights_without_properties_say_so(weights, crystals):
    with pytest.raises(RequestError, match="trained without properties"):
        list(predict(weights, crystals))
