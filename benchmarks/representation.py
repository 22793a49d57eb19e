"""How well real crystals survive the representation, and what it costs.

    python benchmarks/representation.py ../shared/data/mp_20/test.csv.gz --n 300

Reads MP-20-style csv.gz files (a `cif` column), turns each structure into a
SymmetricCrystal and back, and reports the share represented, the share of round trips
that pymatgen's StructureMatcher(stol=0.5, angle_tol=10, ltol=0.3) matches, the mean and
largest normalised rms distance, and CPU milliseconds per crystal without CIF parsing.
A few crystals repeat within symprec, but not within the matcher's own tolerance for
primitive cells: they are counted apart, matched once it may try supercells.
"""

import argparse
import csv
import gzip
import random
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core import Structure

from command_line import run
from crystalgen.errors import CrystalgenError
from crystalgen.representation.conversion import expand, from_structure, to_structure

MATCHER = StructureMatcher(stol=0.5, angle_tol=10, ltol=0.3)
SUPERCELLS = StructureMatcher(
    stol=0.5, angle_tol=10, ltol=0.3, primitive_cell=False, attempt_supercell=True
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one crystal."""

    seconds_in: float
    """CPU time of `from_structure`."""
    seconds_out: float
    """CPU time of `expand`."""
    rms: float
    """Normalised rms distance after the round trip; NaN where nothing matches."""
    as_supercell: bool
    """Whether it matches only where the matcher may try supercells."""
    error: str
    """Why the crystal cannot be represented; empty where it can."""


def read_cifs(paths: list[Path]) -> Iterator[str]:
    """CIF texts of all rows of all files."""
    for path in paths:
        with gzip.open(path, "rt", newline="") as file:
            for row in csv.DictReader(file):
                yield row["cif"]


def round_trip(cif: str) -> Outcome:
    """Represent one crystal and compare what comes back."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        structure = Structure.from_str(cif, fmt="cif")
    start = time.process_time()
    try:
        crystal = from_structure(structure)
    except CrystalgenError as error:
        message = f"{structure.formula}: {error}"
        return Outcome(
            seconds_in=0, seconds_out=0, rms=np.nan, as_supercell=False, error=message
        )
    between = time.process_time()
    expand(crystal)
    end = time.process_time()
    again = to_structure(crystal)
    found = MATCHER.get_rms_dist(structure, again)
    as_supercell = found is None and SUPERCELLS.fit(structure, again)
    return Outcome(
        seconds_in=between - start,
        seconds_out=end - between,
        rms=np.nan if found is None else float(found[0]),
        as_supercell=as_supercell,
        error="",
    )


def report(outcomes: list[Outcome]) -> str:
    """The figures, one per line, and the most frequent failures."""
    represented = [outcome for outcome in outcomes if not outcome.error]
    rms = np.array([outcome.rms for outcome in represented])
    rms = rms[np.isfinite(rms)]
    into = 1e3 * np.array([outcome.seconds_in for outcome in represented])
    out = 1e6 * np.array([outcome.seconds_out for outcome in represented])
    total = len(outcomes)
    lines = [
        f"represented       {len(represented)}/{total}"
        f" ({100 * len(represented) / total:.2f} %)",
        f"round trip match  {len(rms)}/{total} ({100 * len(rms) / total:.2f} %)"
        f", and {sum(outcome.as_supercell for outcome in outcomes)} as supercells",
        f"rms               mean {rms.mean():.2e}, max {rms.max():.2e}",
        f"from_structure    mean {into.mean():.2f} ms, median {np.median(into):.2f} ms"
        f", 99 % below {np.percentile(into, 99):.1f} ms (CPU)",
        f"expand            mean {out.mean():.0f} us, median {np.median(out):.0f} us",
    ]
    failures = Counter(outcome.error for outcome in outcomes if outcome.error)
    lines += [f"failed {count}: {error}" for error, count in failures.most_common(10)]
    return "\n".join(lines)


def main() -> None:
    """Read the command line, run and report."""
    parser = argparse.ArgumentParser(
        description="How well real crystals survive the representation."
    )
    parser.add_argument("files", type=Path, nargs="+", help="MP-20-style csv.gz")
    parser.add_argument("--n", type=int, default=0, help="sample size; 0: all")
    parser.add_argument("--seed", type=int, default=0, help="of the sample")
    parser.add_argument("--processes", type=int, default=1)
    options = parser.parse_args()
    cifs = list(read_cifs(options.files))
    if options.n:
        cifs = random.Random(options.seed).sample(cifs, min(options.n, len(cifs)))
    with get_context("spawn").Pool(options.processes) as pool:
        outcomes = list(pool.imap_unordered(round_trip, cifs, chunksize=50))
    print(report(outcomes))  # noqa: T201


if __name__ == "__main__":
    run(main)
