from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, strategies as st

from crystalgen.representation.canonical import canonicalize
from crystalgen.representation.framework import (
    framework,
    protostructure,
    protostructure_of,
)
from crystalgen.symmetry.normalizer import coset_letters
from crystalgen.symmetry.wyckoff import space_group


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


@given(number=st.integers(1, 230), seed=st.integers(0, 2**32 - 1))
def test_a_renaming_by_the_normalizer_changes_no_label(number, seed):
    rng = np.random.default_rng(seed)
    n_orbits = rng.integers(1, 6)
    wyckoff = rng.integers(len(space_group(number).positions), size=n_orbits)
    species = tuple(rng.choice([3, 8, 26], size=n_orbits).tolist())
    label = protostructure_of(number, tuple(wyckoff.tolist()), species)
    for letters in coset_letters(number):
        renamed = tuple(letters[wyckoff].tolist())
        assert protostructure_of(number, renamed, species) == label


@given(number=st.integers(1, 230), seed=st.integers(0, 2**32 - 1))
def test_the_order_of_the_orbits_changes_no_label(number, seed):
    rng = np.random.default_rng(seed)
    n_orbits = rng.integers(1, 6)
    wyckoff = rng.integers(len(space_group(number).positions), size=n_orbits)
    species = rng.choice([3, 8, 26], size=n_orbits)
    order = rng.permutation(n_orbits)
    one, other = (
        protostructure_of(number, tuple(letters.tolist()), tuple(elements.tolist()))
        for letters, elements in ((wyckoff, species), (wyckoff[order], species[order]))
    )
    assert one == other
