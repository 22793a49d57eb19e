r"""How close crystals are to equilibrium, and how stable, by CHGNet.

    crystalgen generate --n 1000 --out RUN
    python benchmarks/relaxation.py RUN --out FOLDER [--relax 200] [--seed 0] \
        [--train TRAIN --hull TRAIN VAL TEST] [--novel RUN-crystals.jsonl]

RUN may also be a cache of `crystalgen data build`; TRAIN, VAL and TEST are such caches.
The crystals are taken in an order drawn by the seed: of the first `--n` the forces and
the pressure as they are, the first `--relax` relaxed, cell and positions. `--novel`
takes the table that `crystalgen evaluate RUN --train TRAIN --out RUN.json` writes and
leaves the crystals out that are not novel. `--train` and `--hull` ask for energies
above the hull of MP-20's own formation energies, an optimistic one: phases outside
MP-20 are missing from it.

RMSDs are StructureMatcher's with ltol 0.3, stol 0.5 and angle_tol 10, in Å. Crystals
with elements that CHGNet does not know are counted as not judged and left out of all
shares. A relaxation that fails or takes longer than 120 s counts as failed and as not
stable. FOLDER gets a line for each crystal at once; the same command resumes, and
``references.jsonl`` may be copied to another FOLDER to save two minutes. Needs CHGNet:
`pip install -c constraints.txt chgnet==0.4.2`.
"""

import argparse
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from command_line import run
from crystalgen.datasets.cache import read_cache, read_cache_info
from crystalgen.datasets.pool import available_cores
from crystalgen.errors import EvaluationError
from crystalgen.evaluation.journal import Row, add_row, open_journal, read_journal
from crystalgen.export.run_folder import read_manifest, read_records
from crystalgen.representation.conversion import to_structure
from crystalgen.representation.crystal import SymmetricCrystal
from potential import (
    OPTIMIZERS,
    Optimizer,
    Task,
    check_installed,
    is_accepted,
    point_of,
    relax,
)
from stability import composition_of, draw_known, judge_stability, read_phases
from survey import Workplace, failures, quartiles, succeeded, survey

Crystals = dict[str, SymmetricCrystal]
"""By identifier, in the order in which they are taken."""

POINT_TIMEOUT_S = 60.0
RELAX_TIMEOUT_S = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What was asked for on the command line."""

    crystals: Path
    out: Path
    n: int | None
    relax: int
    seed: int
    novel: Path | None
    train: Path | None
    hull: list[Path]
    optimizer: Optimizer
    fmax: float
    max_steps: int
    workers: int


def main() -> None:
    """Measure and print one JSON object."""
    options = read_options()
    potential = check_installed()
    report = {"potential": potential, **measure(options)}
    print(json.dumps(report, indent=2, ensure_ascii=False))  # noqa: T201


def read_options() -> Options:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("crystals", type=Path, help="folder of a run, or a cache")
    parser.add_argument("--out", type=Path, required=True, help="folder to resume from")
    parser.add_argument("--n", type=int, help="crystals to judge as they are (all)")
    parser.add_argument("--relax", type=int, default=200, help="crystals to relax")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--novel", type=Path, help="table of `crystalgen evaluate`")
    parser.add_argument("--train", type=Path, help="cache to fit references to")
    parser.add_argument("--hull", type=Path, nargs="+", default=[], help="caches")
    parser.add_argument("--optimizer", choices=sorted(OPTIMIZERS), default="fire")
    parser.add_argument("--fmax", type=float, default=0.1, help="eV/Å")
    parser.add_argument("--max-steps", type=int, default=80)
    parser.add_argument("--workers", type=int, default=available_cores())
    options = Options(**vars(parser.parse_args()))
    if (options.train is None) != (not options.hull):
        parser.error("--train and --hull go together")
    n = 1 if options.n is None else options.n
    if min(n, options.workers, options.max_steps) < 1 or options.relax < 0:
        parser.error(
            "--n, --workers and --max-steps are at least 1, --relax at least 0"
        )
    return options


def measure(options: Options) -> dict[str, Any]:
    """All figures.

    Raises:
        CrystalgenError: A file cannot be read or written.
    """
    available = read_crystals(options)
    names = list(available)
    order = np.random.default_rng(options.seed).permutation(len(names))[: options.n]
    taken = {names[index]: available[names[index]] for index in order}
    relaxing = dict(list(taken.items())[: options.relax])
    check_settings(options)
    workplace = Workplace(folder=options.out, workers=options.workers)
    # before anything that takes time
    known = draw_known(options.train, options.seed) if options.train else {}
    hull = list(read_phases(options.hull))
    points = judge_as_they_are(taken, workplace)
    relaxed = relax_all(relaxing, options, workplace)
    report = {
        "crystals": str(options.crystals),
        "id": identity(options.crystals),
        "n available": len(available),
        "only novel": options.novel is not None,
        "seed": options.seed,
        "as they are": summarize_points(taken, points),
        "relaxed": summarize_relaxed(relaxing, relaxed, options),
    }
    if options.train is None:
        return report
    return report | judge_stability(
        taken,
        points,
        relaxed,
        known=known,
        hull=hull,
        workplace=workplace,
    )


def read_crystals(options: Options) -> Crystals:
    """The crystals of a run or of a cache, only the novel ones if asked."""
    path = options.crystals
    if path.is_dir():
        crystals = {each.identifier: each.crystal for each in read_records(path)}
    else:
        table, _ = read_cache(path)
        crystals = {
            name: table.crystal(index) for index, name in enumerate(table.identifiers)
        }
    if options.novel is None:
        return crystals
    rows = read_journal(options.novel)
    novel = {name for name, row in rows.items() if row.get("is_novel")}
    if not novel or not crystals.keys() <= rows.keys():
        raise EvaluationError(
            f"{options.novel}: does not say which of {path} are novel; expected the"
            f" table of `crystalgen evaluate {path} --train ...`"
        )
    return {name: each for name, each in crystals.items() if name in novel}


def identity(path: Path) -> str:
    """What tells the crystals from others: a run's digits, or the hash of a source."""
    if path.is_dir():
        return read_manifest(path).run
    return read_cache_info(path).source_sha256[:12]


def check_settings(options: Options) -> None:
    """Keep results of other crystals or settings from being taken for these.

    Raises:
        EvaluationError: The folder holds results of another kind.
    """
    settings = {
        "id": identity(options.crystals),
        "optimizer": options.optimizer,
        "fmax": options.fmax,
        "max_steps": options.max_steps,
    }
    place = options.out / "settings.jsonl"
    earlier = list(read_journal(place).values())
    if not earlier:
        with open_journal(place) as journal:
            add_row(journal, settings)
    elif earlier != [settings]:
        raise EvaluationError(
            f"{options.out}: holds results of other crystals or settings"
            f" ({earlier[0]}); choose another folder with --out"
        )


def judge_as_they_are(crystals: Crystals, workplace: Workplace) -> dict[str, Row]:
    """Energy, largest force and pressure of each crystal that can be judged."""
    tasks = {name: to_structure(each) for name, each in accepted(crystals).items()}
    return survey("points", point_of, tasks, workplace, timeout_s=POINT_TIMEOUT_S)


def relax_all(
    crystals: Crystals, options: Options, workplace: Workplace
) -> dict[str, Row]:
    """What became of each crystal that can be relaxed."""
    tasks = {
        name: Task(
            structure=to_structure(each),
            optimizer=options.optimizer,
            fmax=options.fmax,
            max_steps=options.max_steps,
        )
        for name, each in accepted(crystals).items()
    }
    return survey("relaxed", relax, tasks, workplace, timeout_s=RELAX_TIMEOUT_S)


def accepted(crystals: Crystals) -> Crystals:
    """Those with elements that the potential knows."""
    return {
        name: each
        for name, each in crystals.items()
        if is_accepted(composition_of(each))
    }


def summarize_points(crystals: Crystals, rows: Mapping[str, Row]) -> dict[str, Any]:
    """Figures of the crystals as they are."""
    done = succeeded(rows).values()
    return {
        **counts(crystals, rows),
        "largest force, eV/Å": quartiles(row["largest_force"] for row in done),
        "pressure, GPa": quartiles(row["pressure_gpa"] for row in done),
    }


def summarize_relaxed(
    crystals: Crystals, rows: Mapping[str, Row], options: Options
) -> dict[str, Any]:
    """Figures of the relaxed crystals."""
    done = succeeded(rows).values()
    moved = [row["rmsd"] for row in done if row["rmsd"] is not None]
    return {
        "optimizer": options.optimizer,
        "fmax, eV/Å": options.fmax,
        "max steps": options.max_steps,
        **counts(crystals, rows),
        "converged": sum(row["is_converged"] for row in done),
        "steps": quartiles(row["n_steps"] for row in done),
        "same by default tolerances": sum(row["is_same"] for row in done),
        "matched": len(moved),
        "unmatched": len(done) - len(moved),
        "RMSD of the matched, Å": quartiles(moved),
    }


def counts(crystals: Crystals, rows: Mapping[str, Row]) -> dict[str, Any]:
    """How many crystals were judged, and why others were not."""
    return {
        "n": len(crystals),
        "not judged: elements unknown to CHGNet": len(crystals) - len(rows),
        "failed": failures(rows),
        "judged": len(succeeded(rows)),
    }


if __name__ == "__main__":
    run(main)
