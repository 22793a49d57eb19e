from itertools import permutations

import numpy as np
from hypothesis import assume, given, strategies as st

from crystalgen.generation.assignments import (
    N_NUMBERS,
    FormulaAssignments,
    ListedAssignments,
    PoolAssignments,
)

elements = st.lists(st.integers(1, 94), min_size=1, max_size=5, unique=True)


def assert_leads_to_all_and_only(assignments, choices):
    """Compare what is allowed after every beginning with all complete assignments."""
    starts = {choice[:place] for choice in choices for place in range(len(choice))}
    for start in starts:
        following = {c[len(start)] for c in choices if c[: len(start)] == start}
        found = assignments.allowed(list(start))
        assert set(np.flatnonzero(found).tolist()) == following


@given(pool=elements, data=st.data())
def test_a_pool_with_required_elements_has_no_dead_end(pool, data):
    n_roles = data.draw(st.integers(1, len(pool)))
    required = data.draw(st.lists(st.sampled_from(pool), max_size=n_roles, unique=True))
    mask = np.zeros(N_NUMBERS, dtype=bool)
    mask[pool] = True
    assert_leads_to_all_and_only(
        PoolAssignments(pool=mask, required=frozenset(required), n_roles=n_roles),
        [c for c in permutations(pool, n_roles) if set(required) <= set(c)],
    )


@given(pool=elements, data=st.data())
def test_a_formula_has_no_dead_end(pool, data):
    amounts = {element: data.draw(st.integers(1, 3)) for element in pool}
    counts = tuple(data.draw(st.permutations(list(amounts.values()))))
    assert_leads_to_all_and_only(
        FormulaAssignments(amounts=amounts, counts=counts),
        [c for c in permutations(pool) if tuple(amounts[e] for e in c) == counts],
    )


@given(pool=elements, data=st.data())
def test_a_list_allows_what_it_lists(pool, data):
    every = list(permutations(pool))
    choices = data.draw(st.lists(st.sampled_from(every), min_size=1, unique=True))
    assume(choices)
    assert_leads_to_all_and_only(ListedAssignments(choices=tuple(choices)), choices)
