import numpy as np
import pytest
from hypothesis import given, strategies as st
from pymatgen.analysis.phase_diagram import PDEntry, PhaseDiagram
from pymatgen.core import Composition
from scipy.optimize import linprog

from crystalgen.errors import EvaluationError
from crystalgen.evaluation.hull import (
    MIN_CRYSTALS,
    Phase,
    References,
    fit_references,
    hull_energies,
)

FORMULAS = ("Li2O", "Li2O2", "Fe2O3", "FeO", "Fe3O4", "LiFeO2", "Li5FeO4", "LiFe", "O2")
ENERGY = st.floats(-4, 1)


def phases_of(energies):
    return [
        Phase(composition=Composition(formula), formation_energy=energy)
        for formula, energy in energies.items()
    ]


@st.composite
def oxides(draw):
    return draw(st.fixed_dictionaries(dict.fromkeys(FORMULAS, ENERGY)))


def lowest_mixture(composition, phases):
    """The hull's definition: the cheapest mixture of phases, by linear programming."""
    elements = [each.symbol for each in composition.elements]
    within = [
        p for p in phases if set(p.composition.chemical_system_set) <= {*elements}
    ]
    within += [
        Phase(composition=Composition(name), formation_energy=0.0) for name in elements
    ]
    amounts = [
        [p.composition.get_atomic_fraction(name) for p in within] for name in elements
    ]
    wanted = [composition.get_atomic_fraction(name) for name in elements]
    costs = [p.formation_energy for p in within]
    return linprog(costs, A_eq=amounts, b_eq=wanted, bounds=(0, None)).fun


@given(energies=oxides(), formula=st.sampled_from([*FORMULAS, "LiFeO3", "Li9FeO2"]))
def test_the_hull_is_the_cheapest_mixture(energies, formula):
    phases = phases_of(energies)
    composition = Composition(formula)
    [found] = hull_energies([composition], phases)
    assert found == pytest.approx(lowest_mixture(composition, phases), abs=1e-6)


@given(energies=oxides())
def test_phases_of_other_systems_change_nothing(energies):
    phases = phases_of(energies)
    asked = [Composition("Fe4O5"), Composition("LiFeO3"), Composition("Fe2O3")]
    entries = [PDEntry(Composition(name), 0.0) for name in ("Li", "Fe", "O")]
    entries += [
        PDEntry(p.composition, p.formation_energy * p.composition.num_atoms)
        for p in phases
    ]
    whole = PhaseDiagram(entries)
    expected = [whole.get_hull_energy_per_atom(each) for each in asked]
    assert hull_energies(asked, phases) == pytest.approx(expected, abs=1e-8)


def test_of_polymorphs_the_most_stable_counts():
    names = [Composition(name) for name in ("NaCl", "Na4Cl4", "NaCl")]
    energies = (-1.0, -2.0, -1.5)
    phases = [
        Phase(composition=name, formation_energy=energy)
        for name, energy in zip(names, energies, strict=True)
    ]
    assert hull_energies(names[:1], phases) == pytest.approx([-2.0])


def test_elements_lie_at_zero_and_systems_without_phases_between_them():
    asked = [Composition("Na"), Composition("NaCl")]
    assert hull_energies(asked, []) == pytest.approx([0.0, 0.0])
    assert hull_energies([], []) == []


def test_noble_gases_need_no_electronegativity():
    phases = phases_of({"XeF2": -0.5, "HeNa2": -0.1})
    asked = [each.composition for each in phases]
    assert hull_energies(asked, phases) == pytest.approx([-0.5, -0.1])


@given(
    references=st.lists(st.floats(-10, 0), min_size=3, max_size=3),
    formation=oxides(),
)
def test_a_fit_finds_the_references_behind_energies(references, formation):
    behind = dict(zip(("Li", "Fe", "O"), references, strict=True))
    phases = phases_of(formation)
    energies = [
        phase.formation_energy
        + sum(
            phase.composition.get_atomic_fraction(name) * energy
            for name, energy in behind.items()
        )
        for phase in phases
    ]
    fitted = fit_references(phases, energies)
    assert fitted.energies == pytest.approx(behind, abs=1e-6)
    for phase, energy in zip(phases, energies, strict=True):
        found = fitted.formation_energy(phase.composition, energy)
        assert found == pytest.approx(phase.formation_energy, abs=1e-6)


def test_the_fit_is_of_least_squares():
    generator = np.random.default_rng(0)
    phases = phases_of({f"Li{n}O": -1.0 for n in range(1, 7)})
    energies = generator.normal(-5, 1, len(phases))
    fitted = fit_references(phases, energies.tolist())
    errors = np.array(
        [
            fitted.formation_energy(phase.composition, energy) - phase.formation_energy
            for phase, energy in zip(phases, energies, strict=True)
        ]
    )
    amounts = [phase.composition.get_atomic_fraction("Li") for phase in phases]
    assert errors.sum() == pytest.approx(0, abs=1e-9)
    assert errors @ amounts == pytest.approx(0, abs=1e-9)


def test_an_element_of_too_few_crystals_has_no_reference():
    phases = phases_of({f"Li{n}O": -1.0 for n in range(1, MIN_CRYSTALS + 1)})
    phases += phases_of({"NaO": -1.0})
    fitted = fit_references(phases, [-3.0] * len(phases))
    assert fitted.energies.keys() == {"Li", "O"}
    assert not fitted.covers(Composition("NaO"))
    with pytest.raises(EvaluationError, match=r"NaO3: not all elements"):
        fitted.formation_energy(Composition("NaO3"), -3.0)


def test_references_need_crystals():
    with pytest.raises(EvaluationError, match=r"0 crystals"):
        fit_references([], [])


def test_a_formation_energy_does_not_depend_on_the_number_of_atoms():
    references = References(energies={"Li": -2.0, "O": -5.0})
    found = [
        references.formation_energy(Composition(formula), -5.0)
        for formula in ("Li2O", "Li8O4")
    ]
    assert found == pytest.approx([-2.0, -2.0])
