"""Rows, groups and electronegativities against pymatgen's."""

import numpy as np
import pytest
from pymatgen.core import Element

from crystalgen.representation.periodic_table import (
    STEPS,
    element_places,
    group_of,
    row_of,
)


@pytest.mark.parametrize("number", range(1, 119))
def test_rows_and_groups_are_those_of_pymatgen(number):
    element = Element.from_Z(number)
    assert (row_of(number), group_of(number)) == (element.row, element.group)


@pytest.mark.parametrize("number", [1, 8, 9, 11, 20, 26, 35])
def test_electronegativities_are_those_of_pymatgen(number):
    value = element_places()[number, 0] * STEPS[0]
    assert value == pytest.approx(Element.from_Z(number).X, abs=0.02)


def test_every_element_has_a_place_that_cannot_be_changed():
    places = element_places()
    assert np.isfinite(places).all()
    with pytest.raises(ValueError, match="read-only"):
        places[1] = 0
