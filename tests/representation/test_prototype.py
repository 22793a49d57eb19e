from collections import Counter
from dataclasses import replace

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


def vocabulary_of(*prototypes):
    """Each prototype with how often it was seen, the most frequent first."""
    sizes = [len(prototype.wyckoff) for prototype, _ in prototypes]
    return PrototypeVocabulary(
        space_group=np.array([each.space_group for each, _ in prototypes]),
        offsets=np.concatenate([[0], np.cumsum(sizes)]),
        wyckoff=np.array([w for each, _ in prototypes for w in each.wyckoff]),
        role=np.array([r for each, _ in prototypes for r in each.roles]),
        count=np.array([count for _, count in prototypes]),
    )


def quartet(*roles):
    return Prototype(space_group=2, wyckoff=(0, 8, 8, 8), roles=roles)


def test_a_relative_has_the_same_positions_and_the_most_similar_roles():
    known = vocabulary_of(
        (quartet(0, 1, 2, 3), 9), (quartet(0, 1, 1, 1), 5), (quartet(0, 1, 1, 2), 1)
    )
    assert known.relative(quartet(0, 1, 1, 2)) == 0
    assert known.relative(quartet(0, 0, 0, 0)) == 1
    assert known.relative(quartet(0, 1, 1, 1)) == 0  # never itself
    other = Prototype(space_group=2, wyckoff=(0, 1, 8, 8), roles=(0, 1, 2, 3))
    assert known.relative(other) == -1


def test_a_label_is_that_of_the_prototype_or_of_its_relative():
    known = vocabulary_of(
        (quartet(0, 1, 2, 3), 9), (quartet(0, 1, 1, 1), 5), (quartet(0, 1, 1, 2), 1)
    )
    assert known.n_embedded == 2
    assert known.label(quartet(0, 1, 1, 1)) == (2, 2)
    assert known.label(quartet(0, 1, 1, 2)) == (0, 3)
    assert known.label(quartet(0, 1, 1, 0)) == (0, 1)
    assert known.label(replace(quartet(0, 1, 1, 1), space_group=3)) == (0, 0)
    assert known.relatives.tolist() == [1, 0]


def test_a_relative_seen_once_serves_where_there_is_no_other():
    known = vocabulary_of((quartet(0, 1, 2, 3), 1), (quartet(0, 1, 1, 1), 1))
    assert known.relative(quartet(0, 0, 0, 0)) == -1
    assert known.relative(quartet(0, 0, 0, 0), is_embedded=False) == 1
    assert known.label(quartet(0, 0, 0, 0)) == (0, 2)


def test_what_was_seen_once_is_not_shown_its_own_geometry_in_training():
    known = vocabulary_of((quartet(0, 1, 2, 3), 9), (quartet(0, 1, 1, 2), 1))
    assert known.label(quartet(0, 1, 1, 2)) == (0, 2)
    assert known.training_label(quartet(0, 1, 1, 2)) == (0, 1)
    assert known.training_label(quartet(0, 1, 2, 3)) == (1, 1)
    alone = vocabulary_of((quartet(0, 1, 2, 3), 1), (quartet(0, 1, 1, 2), 1))
    assert alone.training_label(quartet(0, 1, 1, 2)) == (0, 0)


@given(
    one=st.lists(st.integers(0, 3), min_size=4, max_size=4),
    seen=st.lists(
        st.lists(st.integers(0, 3), min_size=4, max_size=4), min_size=1, max_size=5
    ),
)
def test_no_other_prototype_agrees_on_more_pairs_than_the_relative(one, seen):
    prototypes = list(dict.fromkeys(quartet(*roles_of(roles)) for roles in seen))
    known = vocabulary_of(*((each, 2) for each in prototypes))
    wanted = quartet(*roles_of(one))

    def agreement(prototype):
        a, b = (np.equal.outer(p.roles, p.roles) for p in (prototype, wanted))
        return int((a == b).sum())

    relative = known.relative(wanted)
    others = [each for each in prototypes if each != wanted]
    assert (relative >= 0) == bool(others)
    if others:
        best = max(map(agreement, others))
        assert agreement(known.prototype(relative)) == best
