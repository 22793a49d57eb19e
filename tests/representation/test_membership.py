import numpy as np
from hypothesis import given, strategies as st

from crystalgen.representation.membership import FALSE_POSITIVES, remember


@given(st.sets(st.text(max_size=12), max_size=50))
def test_what_was_added_is_always_found(labels):
    seen = remember(labels)
    assert all(label in seen for label in labels)


def test_nothing_is_in_the_empty_set():
    assert "" not in remember(set())


def test_few_others_are_taken_for_known():
    seen = remember({f"known {number}" for number in range(20_000)})
    found = sum(f"other {number}" in seen for number in range(50_000))
    # 3 standard deviations of a binomial count above the stated chance
    expected = 50_000 * FALSE_POSITIVES
    assert found <= expected + 3 * np.sqrt(expected)


def test_the_table_does_not_depend_on_the_order_and_stays_small():
    labels = [f"label {number}" for number in range(1000)]
    one, other = remember(labels), remember(labels[::-1])
    assert one.table.tobytes() == other.table.tobytes()
    assert len(one.table) < 2 * len(labels)
