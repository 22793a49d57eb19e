import pytest
from pymatgen.core import Composition

from crystalgen.evaluation.composition import is_smact_valid

pytestmark = pytest.mark.filterwarnings("ignore:No Pauling electronegativity")


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("Si", True),  # an element
        ("Ni3Al", True),  # an alloy
        ("SrTiO3", True),
        ("Na2SO4", True),
        ("NaCl3", False),
        ("SrF", False),
        ("HeO", False),  # no oxidation states
    ],
)
def test_compounds_that_textbooks_know_pass_and_others_do_not(formula, expected):
    assert is_smact_valid(Composition(formula)) is expected


def test_any_multiple_of_a_formula_has_one_verdict():
    for formula in ("Fe2O3", "SrF"):
        single, triple = Composition(formula), Composition(formula) * 3
        assert is_smact_valid(single) is is_smact_valid(triple)


def test_an_element_that_smact_does_not_know_is_no_compound():
    assert not is_smact_valid(Composition("OgO2"))
