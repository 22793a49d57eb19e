from itertools import product

import pytest
from hypothesis import given, settings, strategies as st
from pymatgen.core import Composition, Element

from crystalgen.representation.neutrality import (
    is_metallic,
    is_neutral,
    less_usual_states_of,
    may_be_unusual,
    usual_states,
    usual_states_of,
)


def spelled(formula):
    """Atomic numbers and counts of a formula."""
    amounts = Composition(formula)
    return tuple(e.Z for e in amounts), tuple(int(n) for n in amounts.values())


@pytest.mark.parametrize(
    "formula",
    [
        "NaCl",
        "TiO2",
        "SrTiO3",
        "MgAl2O4",
        "CaCO3",
        "LiFePO4",
        "LiCoO2",
        "LaMnO3",
        "CsPbI3",
        "FeS2",
        "SiC",
        "BN",
        "NH4Cl",
    ],
)
def test_known_salts_are_neutral(formula):
    assert is_neutral(*spelled(formula))
    assert not is_metallic(*spelled(formula))


@pytest.mark.parametrize("formula", ["Fe3O4", "Mn3O4", "Co3O4"])
def test_metals_of_mixed_valence_are_neutral(formula):
    assert is_neutral(*spelled(formula))


@pytest.mark.parametrize(
    "formula",
    ["MoC11", "NaVN7", "CaBiO2", "BaN8", "Na2Cl", "NaO3", "AlF2", "HeO", "NeF2"],
)
def test_charges_that_cannot_cancel_are_refused(formula):
    assert not is_neutral(*spelled(formula))


# all compounds of noble gases of MP-20's training crystals but SiO2He, a clathrate
@pytest.mark.parametrize(
    "formula", ["XeF2", "XeF4", "KrF2", "XeIF7", "Sb2AuXe2F12", "XeO3", "XeO4", "XeOF4"]
)
def test_known_compounds_of_noble_gases_are_neutral(formula):
    assert is_neutral(*spelled(formula))


@pytest.mark.parametrize(
    "formula", ["YbFe4Kr", "Fe4Xe", "CaXe", "XeCl2", "KrCl2", "Fe8OXe", "RnF2", "ArO"]
)
def test_noble_gases_make_neither_metals_nor_salts_of_other_anions(formula):
    assert not is_neutral(*spelled(formula))


@pytest.mark.parametrize("formula", ["Cu3Au", "NaZn13", "NiTi", "CuZn"])
def test_metals_need_no_balance(formula):
    assert is_metallic(*spelled(formula))
    assert is_neutral(*spelled(formula))


# all in MP-20's validation crystals, of whose elements no usual states cancel
@pytest.mark.parametrize("formula", ["CaGe", "TbCoSi2", "TiVB4", "KP", "VP2"])
def test_elements_that_bond_themselves_take_what_metals_give(formula):
    assert not is_metallic(*spelled(formula))
    assert may_be_unusual(*spelled(formula))
    assert is_neutral(*spelled(formula))


@pytest.mark.parametrize("formula", ["SiO", "PCl", "B3O2", "LiSiF3", "CaSiO2"])
def test_few_metals_leave_them_their_usual_states(formula):
    assert not is_neutral(*spelled(formula))


@pytest.mark.parametrize("number", range(1, 104))
def test_an_element_alone_is_neutral(number):
    assert is_neutral((number,), (4,))


amounts = st.lists(
    st.tuples(st.integers(1, 103), st.integers(1, 6)),
    min_size=2,
    max_size=3,
    unique_by=lambda item: item[0],
)


@settings(max_examples=40)
@given(amounts=amounts, data=st.data())
def test_the_order_of_the_elements_does_not_matter(amounts, data):
    other = data.draw(st.permutations(amounts))
    one, two = (is_neutral(*zip(*each, strict=True)) for each in (amounts, other))
    assert one == two


@settings(max_examples=40)
@given(amounts=amounts, factor=st.integers(2, 4))
def test_a_larger_cell_of_a_neutral_crystal_is_neutral(amounts, factor):
    species, counts = zip(*amounts, strict=True)
    if is_neutral(species, counts):
        assert is_neutral(species, tuple(factor * count for count in counts))


def totals(element, count, states):
    """Charges of some atoms, metals of mixed valence among them, one by one."""
    mixes = element.is_transition_metal or element.is_lanthanoid
    for state in states:
        for raised in range(count if mixes and 0 < state < state + 1 in states else 1):
            yield state, state * count + raised


@given(amounts=amounts)
def test_verdicts_on_charges_are_those_of_trying_all(amounts):
    species, counts = zip(*amounts, strict=True)
    elements = [Element.from_Z(number) for number in species]
    of = less_usual_states_of if may_be_unusual(species, counts) else usual_states_of
    each = [
        list(totals(element, count, of(element)))
        for element, count in zip(elements, counts, strict=True)
    ]
    balances = False
    for choice in product(*each):
        pairs = list(zip(elements, choice, strict=True))
        cations = [element.X for element, (state, _) in pairs if state > 0]
        anions = [element.X for element, (state, _) in pairs if state < 0]
        total = sum(charge for _, (_, charge) in pairs)
        if not total and cations and anions and max(cations) <= min(anions):
            balances = True
    is_odd = any(each.is_noble_gas for each in elements)
    needs_none = all(each.is_metal for each in elements)
    if not (is_odd or needs_none or is_metallic(species, counts)):
        assert is_neutral(species, counts) == balances


def test_usual_states_are_the_textbook_ones():
    states = usual_states()
    assert states["Na"] == (1,)
    assert states["Mg"] == (2,)
    assert states["F"] == (-1,)
    assert {2, 3} <= set(states["Fe"])
    assert all(0 not in each for each in states.values())
