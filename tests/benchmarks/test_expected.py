"""Figures of what is expected, of crystals whose chances are known."""

import importlib
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, roc_auc_score

from crystalgen.errors import EvaluationError
from crystalgen.export.record import CrystalRecord, to_line

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def expected(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module("expected")


@pytest.fixture
def pairs():
    """Crystals that are stable as often as expected."""
    rng = np.random.default_rng(4)
    chances = rng.random(2000)
    above = np.where(rng.random(2000) < chances, 0.05, 0.3)
    return [
        (
            {"stability": chance, "e_above_hull": 0.1 - chance, "largest_force": force},
            {"e_above_hull": energy, "largest_force": 2 * force},
        )
        for chance, energy, force in np.stack([chances, above, chances**2]).T.tolist()
    ]


def test_areas_and_scores_are_those_of_scikit_learn(expected, pairs):
    report = expected.compare(pairs)
    chance = [each["stability"] for each, _ in pairs]
    is_stable = [each["e_above_hull"] < 0.1 for _, each in pairs]
    area = report["area under the curve of stability"]
    assert area == pytest.approx(roc_auc_score(is_stable, chance), abs=1e-3)
    assert report["Brier score"] == pytest.approx(
        brier_score_loss(is_stable, chance), abs=1e-4
    )


def test_true_chances_are_found_true(expected, pairs):
    report = expected.compare(pairs)
    for told, found in report["expected and actual % stable, by tenths"]:
        assert found == pytest.approx(told, abs=12)
    assert report["all"]["n"] == len(pairs)
    assert report["rank correlation"]["largest_force"] == 1.0
    assert report["stability >= 0.9"]["within 0.1 eV/atom, %"] > 90


def test_runs_that_tell_nothing_are_refused(expected, tmp_path, crystals):
    record = CrystalRecord(identifier="a", index=0, crystal=crystals[0])
    (tmp_path / "crystals.jsonl").write_text(to_line(record) + "\n")
    table = tmp_path / "energies.csv"
    table.write_text("id,e_above_hull\na,0.1\n")
    with pytest.raises(EvaluationError, match="calibrated weights"):
        expected.expected_and_computed(tmp_path, table)
