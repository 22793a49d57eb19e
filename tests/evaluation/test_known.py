import pytest

from crystalgen.evaluation.known import NamedCrystal, first_match, know, reduced
from crystalgen.representation.conversion import (
    to_conventional_structure,
    to_structure,
)


@pytest.fixture(scope="module")
def named(crystals):
    return [
        NamedCrystal(identifier=str(index), crystal=crystal)
        for index, crystal in enumerate(crystals)
    ]


def test_a_formula_is_reduced_and_ordered():
    assert reduced({17: 4, 11: 4}) == reduced({11: 1, 17: 1}) == ((11, 1), (17, 1))


def test_candidates_are_those_of_the_reduced_formula(named, crystals):
    known = know(named)
    assert known.n == len(crystals)
    for index in (0, 8):
        structure = to_conventional_structure(crystals[index])
        found = [each.identifier for each in known.candidates(structure)]
        assert found == [str(index)]
    assert know(named[1:]).candidates(to_structure(crystals[0])) == ()


def test_a_crystal_matches_the_known_one_that_it_is(named, crystals):
    for index in (0, 3, 12):
        conventional = to_conventional_structure(crystals[index])
        assert first_match(conventional, named) == str(index)
    assert first_match(to_structure(crystals[0]), named[1:]) is None
    assert first_match(to_structure(crystals[0]), []) is None


def test_the_parent_of_a_substitution_shares_the_most_elements(named):
    known = know(named[:3])  # NaCl, LiF, MgO
    for elements, expected in [({3, 9}, "1"), ({12, 16}, "2"), ({55, 35}, "0")]:
        parent = known.parent("225:a/b", elements)
        assert parent is not None
        assert parent.identifier == expected
    assert known.parent("227:a", {14}) is None
