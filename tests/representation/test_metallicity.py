import pytest
import smact
from hypothesis import given, strategies as st
from pymatgen.core import Composition, Element
from smact.metallicity import metallicity_score as score_of_smact
from smact.utils.oxidation import ICSD24OxStatesFilter

from crystalgen.representation.elements import SYMBOLS
from crystalgen.representation.metallicity import element_facts, metallicity_score
from crystalgen.representation.neutrality import MIN_SHARE, usual_states

amounts = st.lists(
    st.tuples(st.sampled_from(sorted(element_facts())), st.integers(1, 24)),
    min_size=1,
    max_size=6,
    unique_by=lambda item: item[0],
)


@given(amounts=amounts)
@pytest.mark.filterwarnings("ignore:No Pauling electronegativity")
def test_the_score_is_the_one_of_smact(amounts):
    species, counts = zip(*amounts, strict=True)
    composition = Composition({Element(SYMBOLS[z - 1]): n for z, n in amounts})
    assert metallicity_score(species, counts) == score_of_smact(composition)


@given(amounts=amounts, factor=st.integers(2, 4))
def test_the_score_does_not_depend_on_the_size_of_the_cell(amounts, factor):
    species, counts = zip(*amounts, strict=True)
    larger = tuple(factor * count for count in counts)
    assert metallicity_score(species, larger) == metallicity_score(species, counts)


def test_the_table_holds_the_elements_that_smact_knows():
    for number, symbol in enumerate(SYMBOLS, start=1):
        if number in element_facts():
            facts, element = element_facts()[number], smact.Element(symbol)
            assert facts.is_metal == (symbol in smact.metals)
            assert facts.is_d_block == (symbol in smact.d_block)
            assert facts.n_valence == element.num_valence_modified
            assert facts.electronegativity == element.pauling_eneg
        else:
            with pytest.raises(KeyError):
                smact.Element(symbol)


@pytest.mark.parametrize("share", [0.0, MIN_SHARE, 10.0, 50.0])
def test_the_shares_are_those_of_smact(share):
    table = ICSD24OxStatesFilter().filter(include_zero=False, commonality=share)
    expected = {
        symbol: sorted(map(int, states.split()))
        for symbol, states in zip(
            table["element"], table["oxidation_state"], strict=True
        )
    }
    ours = {
        SYMBOLS[number - 1]: [state for state, part in facts.shares if part >= share]
        for number, facts in element_facts().items()
    }
    assert {symbol: states for symbol, states in ours.items() if states} == expected
    if share == MIN_SHARE:
        assert {symbol: list(each) for symbol, each in usual_states().items()} == (
            expected
        )
