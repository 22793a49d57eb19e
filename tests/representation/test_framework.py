from dataclasses import replace

import pytest

from crystalgen.representation.canonical import canonicalize
from crystalgen.representation.framework import framework, protostructure


def test_substitutions_share_a_framework_and_not_a_protostructure(crystals):
    salt, lithium_fluoride, magnesia, strontium, barium = crystals[:5]
    assert framework(salt) == framework(lithium_fluoride) == framework(magnesia)
    assert framework(strontium) == framework(barium) != framework(salt)
    labels = {protostructure(each) for each in crystals[:5]}
    assert len(labels) == 5


def test_labels_spell_group_positions_and_elements(crystals):
    assert framework(crystals[0]) == "225:a/b"
    assert protostructure(crystals[0]) == "225:Na=a/Cl=b"
    assert framework(crystals[3]) == "221:a/b/c"


@pytest.mark.parametrize("pair", [(11, 17), (17, 11), (3, 55), (55, 3)])
def test_which_element_is_where_has_no_influence(crystals, pair):
    # zircona has oxygen on two of three general positions: any order of elements
    zirconia = crystals[12]
    first, second = pair
    renamed = replace(zirconia, species=(first, second, second))
    assert framework(canonicalize(renamed)) == framework(zirconia)


def test_equivalent_descriptions_have_one_label(crystals):
    # A and B of a perovskite trade places by a shift of half the cell (a-b, c-d)
    perovskite = crystals[3]
    shifted = replace(perovskite, wyckoff=(0, 1, 3), species=(22, 38, 8))
    assert framework(shifted) == framework(perovskite)
    assert protostructure(shifted) == protostructure(perovskite)


def test_sharing_an_element_makes_another_framework(crystals):
    perovskite = crystals[3]
    shared = replace(perovskite, species=(38, 38, 8))
    assert framework(shared) != framework(perovskite)
