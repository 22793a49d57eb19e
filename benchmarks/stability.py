"""How far above the hull crystals lie: references, phases and shares.

Training crystals and phases are read from caches of `crystalgen data build`. The
references are fitted to some training crystals and tested on others, both drawn by the
seed; the hull is that of the DFT formation energies of all phases handed in.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pymatgen.core import Composition

from crystalgen.datasets.cache import read_cache
from crystalgen.errors import DatasetError
from crystalgen.evaluation.hull import (
    Phase,
    References,
    fit_references,
    hull_energies,
)
from crystalgen.evaluation.journal import Row
from crystalgen.evaluation.table import to_jsonl
from crystalgen.export.run_folder import write_whole
from crystalgen.representation.conversion import to_structure
from crystalgen.representation.crystal import SymmetricCrystal
from crystalgen.representation.elements import SYMBOLS
from crystalgen.representation.table import CrystalTable
from potential import energy_of, is_accepted
from survey import Workplace, quartiles, succeeded, survey

LABEL = "formation_energy_per_atom"
N_FITTED = 1500
N_HELD_OUT = 300
TIMEOUT_S = 60.0
THRESHOLDS = (0.1, 0.05, 0.0)
"""eV/atom above the hull."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """References and how well they do."""

    references: References
    n_fitted: int
    n_held_out: int
    mean_error: float
    """Mean absolute one of the formation energies held out, eV/atom."""


def composition_of(crystal: SymmetricCrystal) -> Composition:
    """What a crystal is made of."""
    counts = crystal.composition.items()
    return Composition({SYMBOLS[number - 1]: count for number, count in counts})


def read_phases(paths: Sequence[Path]) -> Iterator[Phase]:
    """All crystals of caches that have a formation energy.

    Raises:
        DatasetError: Not a cache, or one without formation energies.
    """
    for path in paths:
        table, energies = _labelled(path)
        for index in np.flatnonzero(np.isfinite(energies)):
            yield _phase(table.crystal(int(index)), float(energies[index]))


def draw_known(path: Path, seed: int) -> dict[str, tuple[SymmetricCrystal, Phase]]:
    """Crystals of a cache to fit the references to, and after them those held out.

    Raises:
        DatasetError: Not a cache, or one without formation energies.
    """
    table, energies = _labelled(path)
    known: dict[str, tuple[SymmetricCrystal, Phase]] = {}
    for index in np.random.default_rng(seed).permutation(len(table)):
        crystal = table.crystal(int(index))
        phase = _phase(crystal, float(energies[index]))
        if np.isfinite(energies[index]) and is_accepted(phase.composition):
            known[table.identifiers[index]] = crystal, phase
        if len(known) == N_FITTED + N_HELD_OUT:
            break
    return known


def fit(known: Sequence[Phase], energies: Sequence[float]) -> Fit:
    """Fit the references and see how well they do on the crystals held out.

    Args:
        known: Crystals to fit to, and after them those held out.
        energies: The potential's of the same crystals, eV/atom.

    Raises:
        EvaluationError: There are too few crystals.
    """
    n_fitted = min(N_FITTED, len(known) * N_FITTED // (N_FITTED + N_HELD_OUT))
    references = fit_references(known[:n_fitted], energies[:n_fitted])
    errors = [
        references.formation_energy(phase.composition, energy) - phase.formation_energy
        for phase, energy in zip(known[n_fitted:], energies[n_fitted:], strict=True)
        if references.covers(phase.composition)
    ]
    return Fit(
        references=references,
        n_fitted=n_fitted,
        n_held_out=len(errors),
        mean_error=float(np.mean(np.abs(errors))),
    )


def judge_stability(
    crystals: Mapping[str, SymmetricCrystal],
    points: Mapping[str, Row],
    relaxed: Mapping[str, Row],
    *,
    known: Mapping[str, tuple[SymmetricCrystal, Phase]],
    hull: Iterable[Phase],
    workplace: Workplace,
) -> dict[str, Any]:
    """How near the hull crystals lie before and after relaxation.

    Args:
        crystals: All that were taken.
        points: Results for the crystals as they are.
        relaxed: Results of the relaxations, of some of them.
        known: Crystals for the references, as `draw_known` gives them.
        hull: Phases that the crystals compete with.
        workplace: Gets the table ``hull.jsonl``.

    Raises:
        CrystalgenError: There are too few references.
    """
    found = _fit_known(known, workplace)
    judged = {
        name: composition
        for name in points
        if found.references.covers(composition := composition_of(crystals[name]))
    }
    hulls = dict(zip(judged, hull_energies(list(judged.values()), hull), strict=True))

    def formation(name: str, row: Row | None) -> float | None:
        if row is None or "energy" not in row:
            return None
        return found.references.formation_energy(judged[name], row["energy"])

    def above(name: str, row: Row | None) -> float | None:
        energy = formation(name, row)
        return None if energy is None else energy - hulls[name]

    # by the names under which `crystalgen teach` reads them
    rows: list[Row] = [
        {
            "id": name,
            "hull": hulls[name],
            "formation_energy_per_atom": formation(name, points[name]),
            "e_above_hull": above(name, points[name]),
            "e_above_hull_relaxed": above(name, relaxed.get(name)),
            "largest_force": points[name].get("largest_force"),
        }
        for name in judged
    ]
    write_whole(workplace.folder / "hull.jsonl", to_jsonl(rows))
    to_relax = [row for row in rows if row["id"] in relaxed]
    return {
        "references": {
            "crystals fitted": found.n_fitted,
            "held out": found.n_held_out,
            "mean absolute error, eV/atom": round(found.mean_error, 4),
        },
        "not judged: elements without a reference": len(points) - len(judged),
        "above the hull": {
            "as they are, all": _shares([row["e_above_hull"] for row in rows]),
            "as they are, those to relax": _shares(
                [row["e_above_hull"] for row in to_relax]
            ),
            "relaxed": _shares([row["e_above_hull_relaxed"] for row in to_relax]),
        },
    }


def _fit_known(
    known: Mapping[str, tuple[SymmetricCrystal, Phase]], workplace: Workplace
) -> Fit:
    structures = {name: to_structure(crystal) for name, (crystal, _) in known.items()}
    rows = survey("references", energy_of, structures, workplace, timeout_s=TIMEOUT_S)
    done = succeeded(rows)
    phases = [known[name][1] for name in done]
    return fit(phases, [row["energy"] for row in done.values()])


def _shares(above: Sequence[float | None]) -> dict[str, Any]:
    """Shares within each threshold; crystals that failed are within none."""
    numbers = [each for each in above if each is not None]
    return {
        "n": len(above),
        **{
            f"within {limit} eV/atom %": round(
                100 * sum(each <= limit for each in numbers) / len(above), 1
            )
            for limit in THRESHOLDS
            if above
        },
        "eV/atom": quartiles(numbers),
    }


def _labelled(path: Path) -> tuple[CrystalTable, np.ndarray]:
    table, _ = read_cache(path)
    if LABEL not in table.properties:
        raise DatasetError(
            f"{path}: no {LABEL} among {sorted(table.properties)}; expected a cache of"
            " mp-20, or of another table with that column"
        )
    return table, table.properties[LABEL]


def _phase(crystal: SymmetricCrystal, energy: float) -> Phase:
    return Phase(composition=composition_of(crystal), formation_energy=energy)
