from itertools import combinations_with_replacement

import pytest
from hypothesis import given, strategies as st
from pymatgen.core import Composition, Lattice, Structure

from crystalgen.evaluation.charge import (
    ChargeEvidence,
    can_be_neutral,
    charge_evidence,
    element_sums,
    has_polar_bond,
    icsd_oxidation_states,
)


def rock_salt(cation, anion, edge):
    return Structure.from_spacegroup(
        "Fm-3m", Lattice.cubic(edge), [cation, anion], [[0, 0, 0], [0.5, 0.5, 0.5]]
    )


def body_centred(element, edge):
    return Structure.from_spacegroup(
        "Im-3m", Lattice.cubic(edge), [element], [[0, 0, 0]]
    )


DIAMOND = Structure.from_spacegroup("Fd-3m", Lattice.cubic(5.43), ["Si"], [[0, 0, 0]])


@pytest.mark.parametrize(
    ("structure", "evidence"),
    [
        (rock_salt("Na", "Cl", 5.64), ChargeEvidence.BOND_VALENCE),
        (rock_salt("Mg", "O", 4.21), ChargeEvidence.BOND_VALENCE),
        (body_centred("Fe", 2.87), ChargeEvidence.METALLIC),
        (DIAMOND, ChargeEvidence.NO_POLAR_BOND),
        (rock_salt("Ca", "F", 5.2), ChargeEvidence.COMPOSITION),  # Ca+ is reported
        (rock_salt("Sr", "F", 5.0), ChargeEvidence.NONE),
    ],
    ids=lambda value: value.formula if isinstance(value, Structure) else value.name,
)
def test_textbook_crystals_balance_for_the_right_reason(structure, evidence):
    assert charge_evidence(structure) is evidence


@pytest.mark.filterwarnings("ignore:No Pauling electronegativity")
def test_an_element_without_data_is_no_evidence():
    oganesson = Structure(Lattice.cubic(5.0), ["Og"], [[0, 0, 0]])
    assert charge_evidence(oganesson) is ChargeEvidence.NONE


def test_verdict_is_that_of_any_cell_of_the_crystal():
    structure = rock_salt("Na", "Cl", 5.64)
    primitive = structure.get_primitive_structure()
    assert charge_evidence(primitive) is charge_evidence(structure)


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("Fe3O4", True),  # mixed valence
        ("Li2O", True),
        ("BaTiO3", True),
        ("SrF", False),
        ("NaMg", False),
        ("Fe", False),
    ],
)
def test_composition_is_neutral_if_known_states_cancel(formula, expected):
    assert can_be_neutral(Composition(formula)) is expected


def test_multiples_of_a_formula_have_one_verdict():
    for formula in ("Fe2O3", "SrF"):
        single, double = Composition(formula), Composition(formula) * 2
        assert can_be_neutral(single) is can_be_neutral(double)


@given(
    states=st.sets(st.integers(-4, 6), min_size=1, max_size=4),
    count=st.integers(1, 6),
)
def test_sums_of_an_element_are_those_of_neighbouring_states(states, count):
    expected = {
        sum(chosen)
        for chosen in combinations_with_replacement(sorted(states), count)
        if max(chosen) - min(chosen) <= 1
    }
    assert element_sums(states, count) == sorted(expected - {0})


def test_states_of_the_icsd_hold_the_usual_ones():
    states = icsd_oxidation_states()
    assert {2, 3} <= set(states["Fe"])
    assert -2 in states["O"]
    assert all(0 not in each for each in states.values())


def test_a_lone_atom_has_images_for_neighbours():
    assert not has_polar_bond(Structure(Lattice.cubic(30.0), ["Cl"], [[0, 0, 0]]))
    pair = Structure(Lattice.cubic(30.0), ["Cl", "H"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    assert has_polar_bond(pair)
