from itertools import product

from hypothesis import given, strategies as st

from crystalgen.generation.packing import UNLIMITED, can_fill, open_positions

sizes = st.dictionaries(
    st.integers(1, 6), st.sampled_from([1, 2, UNLIMITED]), max_size=3
)
wants = st.lists(st.integers(0, 8), min_size=1, max_size=3).map(tuple)


def fills_by_trial(stock, wanted):
    """Put every orbit on every element or on none, all ways."""
    reached = {wanted}
    for size, number in stock:
        for _ in range(min(number, sum(wanted) // size)):
            reached |= {
                tuple(n - size * (place == chosen) for place, n in enumerate(left))
                for left, chosen in product(reached, range(len(wanted)))
                if left[chosen] >= size
            }
    return (0,) * len(wanted) in reached


@given(sizes=sizes, wanted=wants)
def test_orbits_fill_what_trial_of_all_ways_fills(sizes, wanted):
    stock = tuple(sorted(sizes.items(), reverse=True))
    assert can_fill(stock, wanted) == fills_by_trial(stock, wanted)


def test_diamond_holds_no_odd_number_of_atoms():
    stock = open_positions(227, 0)
    assert not any(can_fill(stock, (n,)) for n in range(1, 40, 2))
    assert can_fill(stock, (2,))
    assert can_fill(stock, (2, 4, 8))  # spinel
