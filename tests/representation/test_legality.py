import time

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from crystalgen.errors import RequestError
from crystalgen.representation.crystal import free_parameters, primitive_multiplicities
from crystalgen.representation.legality import (
    END,
    N_TOKENS,
    is_legal,
    largest_atoms,
    legal_groups,
    legal_tokens,
    letter_rules,
    reachable,
    smallest_atoms,
)

GROUPS = [1, 2, 14, 19, 47, 62, 123, 148, 166, 186, 194, 216, 221, 225, 227, 229, 230]


def enumerate_crystals(number, max_atoms):
    """All legal letter sequences, from the definition: (letters, atoms)."""
    sizes = primitive_multiplicities(number)
    free = free_parameters(number).max(axis=1)
    found, waiting = [], [((), 0)]
    while waiting:
        letters, atoms = waiting.pop()
        if letters:
            found.append((letters, atoms))
        first = letters[-1] + (not free[letters[-1]]) if letters else 0
        waiting += [
            ((*letters, letter), atoms + sizes[letter])
            for letter in range(first, len(sizes))
            if atoms + sizes[letter] <= max_atoms
        ]
    return found


def walk(rules, number):
    """All letter sequences that the tables spell."""
    found, waiting = [], [()]
    while waiting:
        letters = waiting.pop()
        tokens = np.flatnonzero(legal_tokens(rules, number, letters)).tolist()
        assert tokens, f"dead end after {letters}"
        found += [letters] * (END in tokens)
        waiting += [(*letters, token) for token in tokens if token != END]
    return found


@pytest.mark.parametrize("number", GROUPS)
def test_tables_spell_exactly_the_legal_crystals(number):
    limit = 4 if number == 47 else 6 if number in (2, 16, 123, 221) else 8
    legal = [letters for letters, _ in enumerate_crystals(number, limit)]
    if not legal:
        assert smallest_atoms(number) > limit
        assert not letter_rules(limit).allowed[number, 0, 0].any()
        return
    assert sorted(walk(letter_rules(limit), number)) == sorted(legal)
    assert len(set(legal)) == len(legal)


@pytest.mark.parametrize("number", GROUPS)
@pytest.mark.parametrize("n_atoms", [(3,), (6,), (4, 5)])
def test_exact_numbers_of_atoms_are_met_without_dead_ends(number, n_atoms):
    legal = [
        letters for letters, atoms in enumerate_crystals(number, 6) if atoms in n_atoms
    ]
    rules = letter_rules(6, n_atoms)
    assert legal_groups(6, n_atoms)[number] == bool(legal)
    if legal:
        assert sorted(walk(rules, number)) == sorted(legal)


@pytest.mark.parametrize("number", range(1, 231))
def test_reachable_counts_are_those_of_some_crystal(number):
    limit = 6 if number in (47, 123, 65, 69) else 8
    counts = {atoms for _, atoms in enumerate_crystals(number, limit)}
    found = reachable(number, limit)
    assert set(np.flatnonzero(found).tolist()) == counts
    assert largest_atoms(number, limit) == max(counts, default=0)
    if counts:
        assert smallest_atoms(number) == min(counts)
    else:
        assert smallest_atoms(number) > limit


def test_diamond_group_holds_no_odd_number_of_atoms():
    assert not reachable(227, 21)[1::2].any()
    assert not legal_groups(5, (5,))[227]
    assert smallest_atoms(227) == 2


@settings(max_examples=300)
@given(st.integers(1, 230), st.integers(0, 2**32 - 1), st.sampled_from([12, 20, 52]))
def test_random_walks_never_meet_a_dead_end(number, seed, max_atoms):
    rng = np.random.default_rng(seed)
    rules = letter_rules(max_atoms)
    letters = []
    while True:
        allowed = legal_tokens(rules, number, letters)
        assert allowed.shape == (N_TOKENS,)
        assert allowed.any()
        token = int(rng.choice(np.flatnonzero(allowed)))
        if token == END:
            break
        letters.append(token)
    sizes = primitive_multiplicities(number)
    assert 0 < sum(sizes[letter] for letter in letters) <= max_atoms
    assert is_legal(rules, number, letters)


@pytest.mark.parametrize(
    ("letters", "expected"),
    [((0, 1), True), ((1, 0), False), ((0, 0), False), ((4, 4), True), ((), False)],
)
def test_sequences_are_judged_by_the_grammar(letters, expected):
    """Fm-3m: a, b and c are points, e has a free parameter and 6 atoms."""
    assert is_legal(letter_rules(20), 225, letters) is expected


def test_a_letter_that_a_group_does_not_have_is_illegal():
    assert not is_legal(letter_rules(20), 225, (12,))
    assert not is_legal(letter_rules(20), 225, (END,))
    assert not is_legal(letter_rules(20), 1, (1,))


@pytest.mark.parametrize(
    ("max_atoms", "n_atoms"), [(0, ()), (-3, ()), (4, (5,)), (4, (0,))]
)
def test_limits_without_a_crystal_are_refused(max_atoms, n_atoms):
    with pytest.raises(RequestError, match="expected a limit of at least 1"):
        letter_rules(max_atoms, n_atoms)


def test_tables_are_shared_and_cannot_be_changed():
    rules = letter_rules(20)
    assert letter_rules(20) is rules
    with pytest.raises(ValueError, match="read-only"):
        rules.allowed[1, 0, 0, 0] = False


def test_a_mask_takes_microseconds():
    rules = letter_rules(20)
    start = time.process_time()
    for _ in range(1000):
        legal_tokens(rules, 225, (0, 1))
    assert time.process_time() - start < 0.1
