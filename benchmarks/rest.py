r"""Bring drawn crystals to rest within their space groups, by CHGNet.

    crystalgen generate --n 9000 --seed 1000 --out RUN
    python benchmarks/rest.py RUN --out FOLDER --train TRAIN --hull TRAIN VAL [--n N]
    crystalgen teach RUN FOLDER/hull.jsonl --relaxed FOLDER --data TRAIN --out TAUGHT

Only what the group leaves free is moved, by a quasi-Newton method (BFGS) with at most
`EVALUATIONS` calls of the potential, which is enough for crystals near rest: of 24,000
drawn by weights of before the largest force fell from 0.15 to 0.02 eV/Å in the median.
FOLDER gets a line for each crystal at once; the same command resumes. At the end
crystals at rest are written to ``crystals.jsonl`` there. `--train` and `--hull` are as
for `benchmarks/relaxation.py` and ask for ``hull.jsonl``: energies above the hull and
forces of the crystals as they were drawn, from which the critic learns. Needs CHGNet,
see `benchmarks/potential.py`.
"""

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from command_line import run
from crystalgen.datasets.pool import available_cores
from crystalgen.errors import CrystalgenError
from crystalgen.evaluation.journal import Row
from crystalgen.export.record import CrystalRecord, to_line
from crystalgen.export.run_folder import RECORDS, read_records, write_whole
from crystalgen.representation.crystal import SymmetricCrystal
from freedom import Freedom, Point
from potential import Failed, check_installed, is_accepted
from stability import composition_of, draw_known, judge_stability, read_phases
from survey import Workplace, failures, quartiles, succeeded, survey

EVALUATIONS = 8
AT_REST = 0.03
"""eV/Å; the largest force of a crystal that needs no further step."""
UNSTRAINED = 0.006
"""eV/Å³; the same of the stress."""
TOO_FAR = 0.3
"""Change of the logarithm of the volume beyond which a crystal is left out."""
LARGEST_FORCE = 0.15
"""eV/Å; crystals with more at the end are left out."""
TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rested:
    """A crystal after its last step."""

    energy: float
    """eV/atom."""
    energy_before: float
    largest_force: float
    """eV/Å."""
    largest_force_before: float
    n_evaluations: int
    growth: float
    """Change of the logarithm of the volume."""
    free_coords: list[list[float]]
    lattice_parameters: list[float]


def main() -> None:
    """Relax and print one JSON object."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("run", type=Path, help="folder of a run")
    parser.add_argument("--out", type=Path, required=True, help="folder to resume from")
    parser.add_argument("--n", type=int, help="crystals to relax (all)")
    parser.add_argument("--seed", type=int, default=0, help="of their order")
    parser.add_argument("--train", type=Path, help="cache to fit references to")
    parser.add_argument("--hull", type=Path, nargs="+", default=[], help="caches")
    parser.add_argument("--workers", type=int, default=available_cores())
    options = parser.parse_args()
    if (options.train is None) != (not options.hull):
        parser.error("--train and --hull go together")
    potential = check_installed()
    crystals = {each.identifier: each.crystal for each in read_records(options.run)}
    names = [name for name in crystals if is_accepted(composition_of(crystals[name]))]
    order = np.random.default_rng(options.seed).permutation(len(names))[: options.n]
    tasks = {names[place]: crystals[names[place]] for place in order}
    workplace = Workplace(folder=options.out, workers=options.workers)
    # before anything that takes time
    known = draw_known(options.train, options.seed) if options.train else {}
    hull = list(read_phases(options.hull))
    rows = survey("rest", bring_to_rest, tasks, workplace, timeout_s=TIMEOUT_S)
    done = succeeded(rows)
    kept = {name: row for name, row in done.items() if is_at_rest(row)}
    lines = [line_of(name, tasks[name], row) for name, row in kept.items()]
    write_whole(options.out / RECORDS, "".join(lines))
    report: dict[str, object] = {
        "potential": potential,
        "n": len(tasks),
        "failed": failures(rows),
        "largest force before, eV/Å": quartiles(
            row["largest_force_before"] for row in done.values()
        ),
        "largest force, eV/Å": quartiles(row["largest_force"] for row in done.values()),
        "evaluations": quartiles(row["n_evaluations"] for row in done.values()),
        "at rest": len(kept),
    }
    if options.train:
        report |= judge_stability(
            tasks,
            {name: as_drawn(row) for name, row in done.items()},
            done,
            known=known,
            hull=hull,
            workplace=workplace,
        )
    print(json.dumps(report, indent=2, ensure_ascii=False))  # noqa: T201


def as_drawn(row: Row) -> Row:
    """What the first step of a row says of the crystal."""
    return {
        "energy": row["energy_before"],
        "largest_force": row["largest_force_before"],
    }


def is_at_rest(row: Row) -> bool:
    """Whether a crystal came to rest, and is still the one it was."""
    return row["largest_force"] <= LARGEST_FORCE and abs(row["growth"]) <= TOO_FAR


def line_of(name: str, crystal: SymmetricCrystal, row: Row) -> str:
    """The record of a crystal at rest."""
    coords = np.array(row["free_coords"]).reshape(-1, 3)
    moved = SymmetricCrystal(
        space_group=crystal.space_group,
        wyckoff=crystal.wyckoff,
        species=crystal.species,
        free_coords=np.where(coords < 1, coords, 0.0),
        lattice_parameters=np.array(row["lattice_parameters"]),
    )
    return to_line(CrystalRecord(identifier=name, index=0, crystal=moved)) + "\n"


def bring_to_rest(crystal: SymmetricCrystal) -> Rested | Failed:
    """Relax one crystal."""
    try:
        return relaxed(crystal)
    except (ArithmeticError, CrystalgenError, LookupError, RuntimeError) as error:
        return Failed(reason=f"{type(error).__name__}: {error}".splitlines()[0][:200])
    except ValueError as error:
        return Failed(reason=f"ValueError: {error}".splitlines()[0][:200])


def relaxed(crystal: SymmetricCrystal) -> Rested:
    """Minimise the energy over what the space group leaves free (BFGS).

    Raises:
        ValueError: As for `potential.derivatives`.
    """
    freedom = Freedom(crystal)
    at = np.zeros(len(freedom.scale))
    here = first = freedom.point(at)
    inverse = np.eye(len(at))
    n_evaluations = 1
    while n_evaluations < EVALUATIONS and not _is_done(here):
        step = freedom.shortened(-inverse @ here.gradient)
        there = freedom.point(at + step)
        n_evaluations += 1
        if there.energy > here.energy + 1e-3 * crystal.n_atoms:
            inverse *= 0.25
            continue
        inverse = _updated(
            inverse, step, there.gradient - here.gradient, is_first=here is first
        )
        at, here = at + step, there
    coords, deformation = freedom.place(at)
    return Rested(
        energy=here.energy / crystal.n_atoms,
        energy_before=first.energy / crystal.n_atoms,
        largest_force=here.largest_force,
        largest_force_before=first.largest_force,
        n_evaluations=n_evaluations,
        growth=float(np.log(np.linalg.det(deformation))),
        free_coords=(coords % 1.0).round(7).tolist(),
        lattice_parameters=freedom.parameters(deformation).round(7).tolist(),
    )


def _is_done(point: Point) -> bool:
    return point.largest_force <= AT_REST and point.largest_stress <= UNSTRAINED


def _updated(
    inverse: np.ndarray, step: np.ndarray, change: np.ndarray, *, is_first: bool
) -> np.ndarray:
    """The BFGS update of an inverse Hessian (Nocedal and Wright, 2006, eq. 6.17)."""
    curvature = step @ change
    if curvature <= 1e-8:
        return inverse
    if is_first:
        scale = np.clip(curvature / (change @ change), 0.2, 5.0)
        inverse = np.eye(len(step)) * scale
    rest = np.eye(len(step)) - np.outer(step, change) / curvature
    return rest @ inverse @ rest.T + np.outer(step, step) / curvature


if __name__ == "__main__":
    run(main)
