"""COV-R and COV-P of sets of one size: generated crystals, real ones, a reference.

    pip install ".[evaluate]"
    python benchmarks/equal_coverage.py RUN ... --real VAL.safetensors
        --reference TEST.safetensors [--n 1000] [--seed 0] [--cutoffs carbon-24]

Coverage grows with the size of either set, so n crystals of each are taken: the first
ones of every run, and a random choice of the caches, the same for all. The real
crystals say what a perfect generator would reach. Fingerprints take by far the most
time, and each crystal is fingerprinted once.
"""

import argparse
import json
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from rich.console import Console

from command_line import run, shown_command
from crystalgen.cli.crystal_files import Item, open_crystals
from crystalgen.datasets.cache import read_cache
from crystalgen.datasets.pool import available_cores
from crystalgen.evaluation.coverage import CUTOFFS, Fingerprint, coverage, featurizers
from judging import DATA_SET, fingerprints
from peers.real import chosen, real


def main() -> None:
    """Fingerprint all sets, compare, print one JSON object."""
    parser = argparse.ArgumentParser(description="COV-R and COV-P at equal sizes")
    parser.add_argument("runs", type=Path, nargs="+", help="run folders")
    parser.add_argument("--real", type=Path, required=True, help="a cache")
    parser.add_argument("--reference", type=Path, required=True, help="a cache")
    parser.add_argument("--n", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cutoffs", choices=sorted(CUTOFFS), default=DATA_SET)
    parser.add_argument("--workers", type=int, default=available_cores())
    arguments = parser.parse_args()
    featurizers()  # before anything that takes time
    n, seed = arguments.n, arguments.seed

    def of_cache(path: Path) -> Sequence[Item]:
        return real(chosen(read_cache(path)[0], n, seed=seed)).items

    sets = {
        path.name: list(islice(open_crystals(str(path)).items, n))
        for path in arguments.runs
    }
    sets["real"] = of_cache(arguments.real)
    sets["reference"] = of_cache(arguments.reference)
    console = Console(stderr=True)
    found: dict[str, list[Fingerprint | None]] = {
        name: fingerprints(items, n_workers=arguments.workers, console=console)
        for name, items in sets.items()
    }
    reference = found.pop("reference")
    report: dict[str, object] = {"command": shown_command(), "n": n, "seed": seed}
    for name, sample in found.items():
        each = coverage(sample, reference, CUTOFFS[arguments.cutoffs])
        report[name] = {
            "n": each.n_sample,
            "COV-R %": round(100 * each.recall, 1),
            "COV-P %": round(100 * each.precision, 1),
        }
    print(json.dumps(report, indent=2))  # noqa: T201


if __name__ == "__main__":
    run(main)
