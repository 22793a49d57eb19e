import numpy as np
import pytest
from hypothesis import assume, given, settings, strategies as st

from crystalgen.generation.grammar import CountGrammar, RangeGrammar, can_hold
from crystalgen.generation.packing import can_fill, open_positions
from crystalgen.representation.crystal import primitive_multiplicities
from crystalgen.representation.legality import END, is_legal, letter_rules

MAX_ROLES = 5
groups = st.sampled_from([1, 2, 14, 62, 123, 166, 194, 216, 221, 225, 227, 230])


def spell(grammar, rng):
    """Take allowed steps at random until the end."""
    letters, roles = [], []
    while True:
        tokens = np.flatnonzero(grammar.tokens(letters, roles))
        assert len(tokens), "a dead end"
        token = int(rng.choice(tokens))
        if token == END:
            return letters, roles
        fit = np.flatnonzero(grammar.roles(letters, roles, token, MAX_ROLES))
        assert len(fit), "a dead end"
        assert max(fit) <= len(set(roles))
        letters.append(token)
        roles.append(int(rng.choice(fit)))


def counts_of(group, letters, roles):
    sizes = primitive_multiplicities(group)
    counts = [0] * len(set(roles))
    for letter, role in zip(letters, roles, strict=True):
        counts[role] += sizes[letter]
    return counts


@settings(max_examples=60)
@given(
    group=groups,
    counts=st.lists(st.integers(1, 8), min_size=1, max_size=4),
    seed=st.integers(0, 99),
)
def test_what_counts_allow_ends_with_just_these_counts(group, counts, seed):
    wanted = tuple(sorted(counts))
    assume(can_fill(open_positions(group, 0), wanted))
    grammar = CountGrammar(space_group=group, counts=wanted)
    letters, roles = spell(grammar, np.random.default_rng(seed))
    assert is_legal(letter_rules(40), group, letters)
    assert sorted(counts_of(group, letters, roles)) == list(wanted)


@settings(max_examples=60)
@given(
    group=groups,
    fewest=st.integers(1, 20),
    more=st.integers(0, 6),
    low=st.integers(1, 4),
    wider=st.integers(0, 1),
    seed=st.integers(0, 99),
)
def test_what_ranges_allow_ends_within_them(group, fewest, more, low, wider, seed):
    atoms = fewest, fewest + more
    assume(can_hold(group, atoms, low))
    grammar = RangeGrammar(space_group=group, atoms=atoms, n_roles=(low, low + wider))
    letters, roles = spell(grammar, np.random.default_rng(seed))
    counts = counts_of(group, letters, roles)
    assert is_legal(letter_rules(40), group, letters)
    assert atoms[0] <= sum(counts) <= atoms[1]
    assert low <= len(counts) <= low + wider


def spellings(grammar, letters=(), roles=()):
    """All templates that a grammar spells."""
    for token in np.flatnonzero(grammar.tokens(letters, roles)).tolist():
        if token == END:
            yield tuple(letters), tuple(roles)
            continue
        for role in np.flatnonzero(grammar.roles(letters, roles, token, MAX_ROLES)):
            yield from spellings(grammar, (*letters, token), (*roles, int(role)))


@pytest.mark.parametrize(
    ("group", "counts"), [(225, (1, 1, 2)), (47, (1, 2)), (2, (2, 2))]
)
def test_counts_forbid_nothing_that_has_them(group, counts):
    n_atoms = sum(counts)
    wide = RangeGrammar(space_group=group, atoms=(n_atoms, n_atoms), n_roles=(1, 5))
    having = {
        (letters, roles)
        for letters, roles in spellings(wide)
        if sorted(counts_of(group, letters, roles)) == sorted(counts)
    }
    narrow = CountGrammar(space_group=group, counts=counts)
    assert having
    assert set(spellings(narrow)) == having
