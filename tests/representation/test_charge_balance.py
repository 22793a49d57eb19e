import numpy as np
import pytest
from hypothesis import given, strategies as st
from pymatgen.core import Composition, Element
from smact.metallicity import metallicity_score

from crystalgen.representation.charge_balance import are_neutral, metallicity
from crystalgen.representation.neutrality import is_neutral

NO_ELECTRONEGATIVITY = {2, 10, 18}
NOBLE_AND_BONDING = (36, 54, 5, 14, 15, 33, 51, 9, 8)
numbers = st.integers(1, 94) | st.sampled_from(NOBLE_AND_BONDING)
systems = st.lists(numbers, min_size=1, max_size=4, unique=True).map(tuple)


@given(data=st.data(), species=systems)
def test_verdicts_on_many_are_those_on_each(data, species):
    row = st.lists(st.integers(1, 8), min_size=len(species), max_size=len(species))
    rows = data.draw(st.lists(row, min_size=1, max_size=3))
    each = [is_neutral(species, tuple(counts)) for counts in rows]
    assert are_neutral(species, np.array(rows)).tolist() == each


@given(
    data=st.data(),
    species=systems.filter(lambda each: not NO_ELECTRONEGATIVITY & set(each)),
)
def test_metallicity_is_that_of_smact(data, species):
    row = st.lists(st.integers(1, 8), min_size=len(species), max_size=len(species))
    counts = data.draw(row)
    composition = Composition(
        {Element.from_Z(z): n for z, n in zip(species, counts, strict=True)}
    )
    [found] = metallicity(species, np.array([counts]))
    assert found == pytest.approx(metallicity_score(composition), abs=1e-9)
