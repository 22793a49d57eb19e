"""How true what is expected of crystals is, by energies that were computed.

    crystalgen generate --n 1000 --seed 0 --out RUN
    python benchmarks/relaxation.py RUN --relax 0 --train TRAIN --hull TRAIN VAL TEST
        --out DIR
    python benchmarks/expected.py --run RUN --energies DIR/hull.jsonl
        [--run ... --energies ...]

Runs are judged together. Their weights should have been calibrated on other runs.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64
from scipy.stats import rankdata, spearmanr

from command_line import run, shown_command
from crystalgen.cli.energies import read_energies
from crystalgen.errors import EvaluationError
from crystalgen.export.run_folder import read_records
from crystalgen.model.critic import ABOVE_HULL, FORCE
from crystalgen.model.stability import WITHIN

STABILITY = "stability"
LEAST = (0.5, 0.7, 0.8, 0.9, 0.95)
"""Probabilities that may be asked for."""
N_CLASSES = 10
"""Equally many crystals in each, by the probability."""


def main() -> None:
    """Compare and print one JSON object."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--run", type=Path, action="append", required=True)
    parser.add_argument("--energies", type=Path, action="append", required=True)
    options = parser.parse_args()
    if len(options.run) != len(options.energies):
        parser.error("as many --run as --energies")
    pairs = [
        pair
        for place in zip(options.run, options.energies, strict=True)
        for pair in expected_and_computed(*place)
    ]
    report = {"command": shown_command(), **compare(pairs)}
    print(json.dumps(report, indent=2, ensure_ascii=False))  # noqa: T201


def expected_and_computed(
    folder: Path, energies: Path
) -> list[tuple[dict[str, float], dict[str, float]]]:
    """What was expected of each crystal of a run, and what was computed.

    Raises:
        CrystalgenError: A file cannot be read, or says nothing of what is expected.
    """
    computed = read_energies(energies)
    pairs = [
        (record.expected, computed[record.identifier])
        for record in read_records(folder)
        if record.identifier in computed
    ]
    if not pairs or not all(STABILITY in expected for expected, _ in pairs):
        raise EvaluationError(
            f"{folder}: its crystals.jsonl does not tell how likely crystals of "
            f"{energies} are stable; expected a run of calibrated weights"
        )
    return pairs


def compare(pairs: list[tuple[dict[str, float], dict[str, float]]]) -> dict[str, Any]:
    """All figures."""

    def column(which: int, name: str) -> Float64[np.ndarray, " crystals"]:
        return np.array([pair[which][name] for pair in pairs])

    chance = column(0, STABILITY)
    above, force = column(1, ABOVE_HULL), column(1, FORCE)
    is_stable = above <= WITHIN
    classes = np.array_split(np.argsort(chance), N_CLASSES)
    return {
        "n": len(pairs),
        "rank correlation": {
            "stability, energy above the hull": _rank(chance, above),
            "e_above_hull": _rank(column(0, ABOVE_HULL), above),
            "largest_force": _rank(column(0, FORCE), force),
        },
        "area under the curve of stability": round(_area(chance, is_stable), 3),
        "Brier score": round(float(((chance - is_stable) ** 2).mean()), 4),
        "expected and actual % stable, by tenths": [
            [_percent(chance[some]), _percent(is_stable[some])] for some in classes
        ],
        "all": _figures(np.ones(len(pairs), dtype=bool), above, force),
        **{
            f"stability >= {least}": _figures(chance >= least, above, force)
            for least in LEAST
        },
    }


def _figures(
    some: Bool[np.ndarray, " crystals"],
    above: Float64[np.ndarray, " crystals"],
    force: Float64[np.ndarray, " crystals"],
) -> dict[str, float]:
    if not some.any():
        return {"n": 0}
    return {
        "n": int(some.sum()),
        "within 0.1 eV/atom, %": _percent(above[some] <= WITHIN),
        "below the hull, %": _percent(above[some] <= 0),
        "largest force, median, eV/Å": round(float(np.nanmedian(force[some])), 3),
    }


def _percent(values: np.ndarray) -> float:
    return round(100 * float(values.mean()), 1)


def _rank(one: np.ndarray, other: np.ndarray) -> float:
    return round(float(spearmanr(one, other, nan_policy="omit").statistic), 3)


def _area(
    chance: Float64[np.ndarray, " crystals"], is_stable: Bool[np.ndarray, " crystals"]
) -> float:
    """Probability that a stable crystal is told from one that is not."""
    ranks = rankdata(chance)
    n_stable = int(is_stable.sum())
    n_others = len(ranks) - n_stable
    more = ranks[is_stable].sum() - n_stable * (n_stable + 1) / 2
    return float(more / max(n_stable * n_others, 1))


if __name__ == "__main__":
    run(main)
