"""Formation energies from a potential's energies, and the hull they are held against.

A potential gives the energy of a crystal, a data set formation energies of others. The
difference of the two is linear in the composition, up to the potential's error, so the
energies of the elements are fitted to crystals with both. That takes any correction
that differs by element only, too; a potential learnt on corrected energies holds those
already, and none is added here.

The hull is pymatgen's ``PhaseDiagram`` of the phases handed in and of the elements at
0 eV. Phases that are not handed in are missing from it, so it is an optimistic one.
Knows nothing of any particular potential.
"""

import warnings
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from pymatgen.analysis.phase_diagram import PDEntry, PhaseDiagram
from pymatgen.core import Composition

from crystalgen.errors import EvaluationError

MIN_CRYSTALS = 3
"""An element of fewer crystals has no reference: their error would be all in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """A compound and how much energy it takes to form."""

    composition: Composition
    formation_energy: float
    """eV/atom."""


@dataclass(frozen=True, slots=True, kw_only=True)
class References:
    """Energies of the elements, on the scale of a potential."""

    energies: dict[str, float]
    """eV/atom by symbol, of the elements that occur often enough."""

    def covers(self, composition: Composition) -> bool:
        """Whether all elements of a crystal have references."""
        return _shares(composition).keys() <= self.energies.keys()

    def formation_energy(self, composition: Composition, energy: float) -> float:
        """Formation energy of a crystal, eV/atom.

        Args:
            composition: Of the crystal.
            energy: The potential's, eV/atom.

        Raises:
            EvaluationError: An element has no reference.

        >>> references = References(energies={"Na": -1.0, "Cl": -2.0})
        >>> references.formation_energy(Composition("NaCl"), -3.5)
        -2.0
        """
        if not self.covers(composition):
            raise EvaluationError(
                f"{composition.reduced_formula}: not all elements have references;"
                f" expected those of {sorted(self.energies)}"
            )
        shares = _shares(composition).items()
        return energy - sum(share * self.energies[name] for name, share in shares)


def fit_references(phases: Sequence[Phase], energies: Sequence[float]) -> References:
    """Energies of the elements that fit formation energies best (least squares).

    Args:
        phases: Crystals with known formation energies.
        energies: The potential's energies of the same crystals, eV/atom.

    Raises:
        EvaluationError: No element occurs in `MIN_CRYSTALS` crystals.
    """
    shares = [_shares(each.composition) for each in phases]
    counts = Counter(name for each in shares for name in each)
    symbols = sorted(counts)
    if not symbols or max(counts.values()) < MIN_CRYSTALS:
        raise EvaluationError(
            f"references: {len(phases)} crystals with energies; expected each element"
            f" in at least {MIN_CRYSTALS}"
        )
    amounts = np.array([[each.get(name, 0.0) for name in symbols] for each in shares])
    differences = np.array(
        [
            energy - phase.formation_energy
            for phase, energy in zip(phases, energies, strict=True)
        ]
    )
    solution, *_ = np.linalg.lstsq(amounts, differences, rcond=None)
    fitted = dict(zip(symbols, solution.tolist(), strict=True))
    return References(
        energies={s: e for s, e in fitted.items() if counts[s] >= MIN_CRYSTALS}
    )


def hull_energies(
    compositions: Sequence[Composition], phases: Iterable[Phase]
) -> list[float]:
    """Energy of the hull at each composition, eV/atom.

    A crystal lies above the hull by its formation energy less this. One phase diagram
    is built per chemical system asked for, from the phases within it.
    """
    with warnings.catch_warnings():
        # of noble gases without an electronegativity: no news here
        warnings.simplefilter("ignore")
        return _hull_energies(compositions, _lowest(phases))


Lowest = dict[frozenset[str], dict[str, Phase]]
"""The most stable phase of each reduced formula of each chemical system."""


def _hull_energies(compositions: Sequence[Composition], lowest: Lowest) -> list[float]:
    asked: dict[frozenset[str], list[int]] = defaultdict(list)
    for index, composition in enumerate(compositions):
        asked[_system(composition)].append(index)
    found = [float("nan")] * len(compositions)
    for system, indices in asked.items():
        diagram = _diagram(system, lowest)
        for index in indices:
            found[index] = diagram.get_hull_energy_per_atom(compositions[index])
    return found


def _lowest(phases: Iterable[Phase]) -> Lowest:
    lowest: Lowest = defaultdict(dict)
    for phase in phases:
        of_system = lowest[_system(phase.composition)]
        formula = phase.composition.reduced_formula
        rival = of_system.get(formula)
        if rival is None or phase.formation_energy < rival.formation_energy:
            of_system[formula] = phase
    return lowest


def _diagram(system: frozenset[str], lowest: Lowest) -> PhaseDiagram:
    elements = sorted(system)
    entries = [PDEntry(Composition(name), 0.0) for name in elements]
    for size in range(1, len(elements) + 1):
        for subset in combinations(elements, size):
            entries += map(_entry, lowest.get(frozenset(subset), {}).values())
    return PhaseDiagram(entries)


def _entry(phase: Phase) -> PDEntry:
    total = phase.formation_energy * phase.composition.num_atoms
    return PDEntry(phase.composition, total)


def _system(composition: Composition) -> frozenset[str]:
    return frozenset(_shares(composition))


def _shares(composition: Composition) -> dict[str, float]:
    """Share of the atoms by symbol."""
    fractions = composition.fractional_composition.get_el_amt_dict()
    return {str(name): float(share) for name, share in fractions.items()}
