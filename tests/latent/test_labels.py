import numpy as np
import pytest
from pymatgen.analysis.local_env import MinimumDistanceNN
from pymatgen.core import Element

from crystalgen.latent.labels import (
    LABELS,
    UNKNOWN,
    column,
    coordination_numbers,
    facts_of,
    gap_class,
)
from crystalgen.latent.slots import Slot
from crystalgen.representation.conversion import expand, to_structure

TITANIUM = Slot(part="species", token=0, code=0)
OXYGEN = Slot(part="orbit", token=1, code=2)
CELL = Slot(part="cell", token=0, code=1)


def test_coordination_is_that_of_pymatgens_minimum_distance(crystals):
    finder = MinimumDistanceNN(tol=0.1)
    for crystal in crystals:
        structure = to_structure(crystal)
        expected = [
            finder.get_cn(structure, int(site))
            for site in expand(crystal).representative
        ]
        assert coordination_numbers(crystal).tolist() == expected, crystal.formula


def test_labels_of_rutile_are_those_of_the_textbook(crystals):
    facts = facts_of(crystals[8], band_gap=3.0)
    titanium = dict(zip(LABELS, facts.labels(TITANIUM), strict=True))
    oxygen = dict(zip(LABELS, facts.labels(OXYGEN), strict=True))
    assert titanium == {
        "element": 22,
        "column": 4,
        "space group": 136,
        "coordination": 6,
        "band gap": 4,
    }
    assert oxygen | {"element": 8, "column": 16, "coordination": 3} == oxygen


def test_a_crystal_has_the_element_of_most_atoms_and_the_mean_of_neighbours(crystals):
    element, _, group, coordination, gap = facts_of(crystals[8]).labels(CELL)
    assert (element, group, coordination) == (8, 136, 4)  # (6 + 3 + 3) / 3
    assert gap == UNKNOWN


def test_of_as_many_atoms_the_more_electronegative_counts(crystals):
    assert facts_of(crystals[0]).labels(CELL)[0] == 17


@pytest.mark.parametrize("number", [1, 6, 26, 57, 71, 92, 118])
def test_columns_are_those_of_pymatgen(number):
    assert column(number) == Element.from_Z(number).group


def test_gaps_fall_into_classes_in_order():
    classes = [gap_class(gap) for gap in np.linspace(0, 9, 200).tolist()]
    assert classes == sorted(classes)
    assert set(classes) == set(range(6))
    assert gap_class(float("nan")) == UNKNOWN
