from collections import Counter

import numpy as np
import pytest
from hypothesis import given, strategies as st

from crystalgen.representation.prototype import (
    Prototype,
    PrototypeVocabulary,
    count_prototypes,
    roles_of,
)
from crystalgen.representation.table import CrystalTable

species = st.lists(st.integers(1, 118), max_size=8)


@given(species=species)
def test_roles_count_up_from_zero_and_tell_elements_apart(species):
    roles = roles_of(species)
    assert list(dict.fromkeys(roles)) == list(range(len(set(species))))
    for one, role_of_one in zip(species, roles, strict=True):
        for other, role_of_other in zip(species, roles, strict=True):
            assert (one == other) == (role_of_one == role_of_other)


@given(species=species)
def test_the_roles_of_roles_are_themselves(species):
    roles = roles_of(species)
    assert roles_of(roles) == roles


@given(species=species, shift=st.integers(1, 117))
def test_roles_do_not_depend_on_which_elements_they_are(species, shift):
    renamed = [(number + shift) % 118 + 1 for number in species]
    assert roles_of(renamed) == roles_of(species)


@pytest.fixture(scope="module")
def vocabulary(tables):
    return count_prototypes(tables[0])


def table_of(crystals):
    return CrystalTable.from_crystals(crystals, identifiers=[""] * len(crystals))


def prototype_of(crystal):
    return Prototype(
        space_group=crystal.space_group,
        wyckoff=crystal.wyckoff,
        roles=roles_of(crystal.species),
    )


def test_every_crystal_is_counted_once(crystals, vocabulary):
    expected = Counter(map(prototype_of, crystals))
    counted = {
        vocabulary.prototype(index): int(vocabulary.count[index])
        for index in range(len(vocabulary))
    }
    assert counted == expected


def test_the_most_frequent_prototype_comes_first(vocabulary):
    assert (np.diff(vocabulary.count) <= 0).all()
    assert vocabulary.prototype(0) == Prototype(
        space_group=225, wyckoff=(0, 1), roles=(0, 1)
    )


@given(order=st.permutations(range(14)))
def test_the_order_of_the_crystals_does_not_matter(crystals, vocabulary, order):
    other = count_prototypes(table_of([crystals[index] for index in order]))
    for name, array in vocabulary.arrays().items():
        np.testing.assert_array_equal(other.arrays()[name], array)


def test_an_index_leads_to_its_prototype_and_back(vocabulary):
    for index in range(len(vocabulary)):
        assert vocabulary.index[vocabulary.prototype(index)] == index
    assert len(vocabulary.index) == len(vocabulary)


def test_plain_arrays_rebuild_the_vocabulary(vocabulary):
    again = PrototypeVocabulary(**vocabulary.arrays())
    assert again.index == vocabulary.index


def test_a_vocabulary_holds_no_elements_and_no_geometry(vocabulary):
    names = {"space_group", "offsets", "wyckoff", "role", "count"}
    assert vocabulary.arrays().keys() == names
    assert vocabulary.role.max() < 3


def test_no_crystals_make_an_empty_vocabulary():
    assert len(count_prototypes(table_of([]))) == 0
