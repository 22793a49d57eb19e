r"""Our verdicts of validity against those of a peer's code, crystal by crystal.

    pip install --no-deps --ignore-requires-python --target PEER \
        wyckoff-transformer==2.3.0
    PYTHONPATH=PEER python benchmarks/peer_validity.py CRYSTALS [--n 500]

CRYSTALS is the folder of a run or a cache of `crystalgen data build`. The peer's
package carries a port of LeMat-GenBench's checks but not the table of oxidation states
that their last resort reads, so a crystal that comes to it counts as not neutral there.
Its figures are therefore to be compared with ours called "strictly".
"""

import argparse
import json
import warnings
from collections import Counter
from pathlib import Path

from pymatgen.core import Structure
from rich.console import Console
from rich.progress import track

from command_line import run
from crystalgen.datasets.cache import read_cache
from crystalgen.datasets.pool import Lost, available_cores, survive_map
from crystalgen.evaluation.validity import judge
from crystalgen.export.run_folder import read_records
from crystalgen.representation.conversion import to_structure

CHECKS = ("neutral", "spaced", "plausible", "valid")

Verdicts = dict[str, tuple[bool, bool]]
"""Of each check: ours and the peer's."""


def main() -> None:
    """Judge the crystals twice and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("crystals", type=Path)
    parser.add_argument("--n", type=int, help="only the first N crystals")
    parser.add_argument("--workers", type=int, default=available_cores())
    arguments = parser.parse_args()
    structures = read_structures(arguments.crystals)[: arguments.n]
    answers = survive_map(judge_twice, structures, n_workers=arguments.workers)
    bar = track(answers, "judge", total=len(structures), console=Console(stderr=True))
    ours: Counter[str] = Counter()
    peers: Counter[str] = Counter()
    differ: dict[str, list[str]] = {check: [] for check in CHECKS}
    for structure, verdicts in zip(structures, bar, strict=True):
        if isinstance(verdicts, Lost):
            raise SystemExit(f"{structure.formula}: {verdicts.reason}")
        for check, (our, peer) in verdicts.items():
            ours[check] += our
            peers[check] += peer
            if our != peer:
                differ[check].append(structure.composition.reduced_formula)
    result = {
        "n": len(structures),
        "ours": {check: ours[check] for check in CHECKS},
        "peer": {check: peers[check] for check in CHECKS},
        "differ": differ,
    }
    print(json.dumps(result, indent=2))  # noqa: T201


def read_structures(path: Path) -> list[Structure]:
    """Crystals of a run or of a cache."""
    if path.is_dir():
        return [to_structure(record.crystal) for record in read_records(path)]
    table, _ = read_cache(path)
    return [to_structure(table.crystal(index)) for index in range(len(table))]


def judge_twice(structure: Structure) -> Verdicts:
    """Our verdict, strictly, and the peer's."""
    # imported here: the package is not among our requirements
    from wyckoff_transformer.evaluation import (  # pyright: ignore[reportMissingImports]
        structure_validity as peer,
    )

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ours = judge(structure)
        try:
            is_neutral = peer.charge_deviation(structure) <= 0.1
        except FileNotFoundError:  # the table that its package lacks
            is_neutral = False
        return {
            "neutral": (ours.is_neutral_strictly, is_neutral),
            "spaced": (ours.is_spaced, bool(peer.distances_valid(structure))),
            "plausible": (
                ours.is_plausible,
                bool(peer.physically_plausible(structure)),
            ),
            "valid": (ours.is_valid_strictly, peer.is_valid(structure)),
        }


if __name__ == "__main__":
    run(main)
