"""COV-R and COV-P of sets of one size: generated crystals, real ones, a reference.

    pip install ".[evaluate]"
    python benchmarks/equal_coverage.py RUN ... --real VAL.safetensors
        --reference TEST.safetensors [--n 1000] [--seed 0] [--cutoffs carbon-24]
        [--real-choices 20]

Coverage grows with the size of either set, so n crystals of each are taken: the first
ones of every run, and a random choice of the caches, the same for all. The real
crystals say what a perfect generator would reach; how much that hangs on the choice,
`--real-choices` tells: that many choices, of the seed and those after it, are made of
the crystals of VAL. Fingerprints take by far the most time, and each crystal is
fingerprinted once.
"""

import argparse
import json
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
from rich.console import Console

from command_line import run, shown_command
from crystalgen.cli.crystal_files import Item, open_crystals
from crystalgen.datasets.cache import read_cache
from crystalgen.datasets.pool import available_cores
from crystalgen.evaluation.coverage import CUTOFFS, Fingerprint, coverage, featurizers
from crystalgen.representation.table import CrystalTable
from judging import DATA_SET, fingerprints
from peers.real import chosen_rows, real

Prints = list[Fingerprint | None]


def main() -> None:
    """Fingerprint all sets, compare, print one JSON object."""
    parser = argparse.ArgumentParser(description="COV-R and COV-P at equal sizes")
    parser.add_argument("runs", type=Path, nargs="*", help="run folders")
    parser.add_argument("--real", type=Path, required=True, help="a cache")
    parser.add_argument("--reference", type=Path, required=True, help="a cache")
    parser.add_argument("--n", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--real-choices", type=int, default=1)
    parser.add_argument("--cutoffs", choices=sorted(CUTOFFS), default=DATA_SET)
    parser.add_argument("--workers", type=int, default=available_cores())
    arguments = parser.parse_args()
    if min(arguments.n, arguments.real_choices) < 1:
        parser.error("--n and --real-choices are at least 1")
    featurizers()  # before anything that takes time
    console, n = Console(stderr=True), arguments.n

    def described(items: Sequence[Item]) -> Prints:
        return fingerprints(items, n_workers=arguments.workers, console=console)

    tables = [read_cache(path)[0] for path in (arguments.real, arguments.reference)]
    sets: dict[str, list[Prints]] = {
        path.name: [described(list(islice(open_crystals(str(path)).items, n)))]
        for path in arguments.runs
    }
    seeds = range(arguments.seed, arguments.seed + arguments.real_choices)
    sets["real"] = choices(tables[0], n, seeds, described)
    (reference,) = choices(tables[1], n, seeds[:1], described)
    report: dict[str, object] = {
        "command": shown_command(),
        "n": n,
        "seed": arguments.seed,
    }
    for name, samples in sets.items():
        each = [coverage(one, reference, CUTOFFS[arguments.cutoffs]) for one in samples]
        report[name] = {
            "n": each[0].n_sample,
            "COV-R %": figures([100 * one.recall for one in each]),
            "COV-P %": figures([100 * one.precision for one in each]),
        }
    print(json.dumps(report, indent=2))  # noqa: T201


def choices(
    table: CrystalTable,
    n: int,
    seeds: Sequence[int],
    described: Callable[[Sequence[Item]], Prints],
) -> list[Prints]:
    """Fingerprints of n crystals of a table for each seed, none made twice.

    Raises:
        DatasetError: It holds fewer.
    """
    rows = [chosen_rows(table, n, seed=seed) for seed in seeds]
    union = np.unique(np.concatenate(rows))
    found = described(real([table.crystal(int(row)) for row in union]).items)
    return [[found[at] for at in np.searchsorted(union, some)] for some in rows]


def figures(values: list[float]) -> object:
    """One figure; of several the first, the mean, their deviation and the ends."""
    if len(values) == 1:
        return round(values[0], 1)
    return {
        "first": round(values[0], 1),
        "mean": round(float(np.mean(values)), 2),
        "deviation": round(float(np.std(values)), 2),
        "least": round(min(values), 1),
        "most": round(max(values), 1),
    }


if __name__ == "__main__":
    run(main)
