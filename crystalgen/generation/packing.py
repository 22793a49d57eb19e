"""Do Wyckoff positions hold given numbers of atoms of each element? Exactly.

A position with free parameters may be filled again and again, any other once. Whether
the positions that are still open can be filled so that each element ends with just the
atoms it needs is decided by exhaustive search with memory; states are few, since only
sizes of positions and sorted numbers of atoms matter.
"""

from functools import lru_cache
from math import gcd

from crystalgen.representation.crystal import free_parameters, primitive_multiplicities

UNLIMITED = 1_000
"""Stands for any number of orbits."""

Stock = tuple[tuple[int, int], ...]
"""Sizes of orbits, largest first, and how many of each there are."""


@lru_cache(maxsize=4096)
def open_positions(space_group: int, start: int) -> Stock:
    """Orbits that the positions from a letter on can give, in the primitive cell.

    Args:
        space_group: 1 to 230.
        start: Index of the first position that is open.

    >>> open_positions(225, 11)
    ((48, 1000),)
    """
    sizes = primitive_multiplicities(space_group)
    free = [any(row) for row in free_parameters(space_group).tolist()]
    number: dict[int, int] = {}
    for size, is_free in zip(sizes[start:], free[start:], strict=True):
        number[size] = number.get(size, 0) + (UNLIMITED if is_free else 1)
    return tuple(
        (size, min(number[size], UNLIMITED)) for size in sorted(number, reverse=True)
    )


def can_fill(stock: Stock, wanted: tuple[int, ...]) -> bool:
    """Whether orbits can be chosen so that each element gets its atoms exactly.

    Args:
        stock: Orbits to choose from.
        wanted: Atoms of each element.

    >>> can_fill(((8, 1), (4, 2)), (4, 12)), can_fill(((8, 1), (4, 1)), (8, 8))
    (True, False)
    """
    left = tuple(sorted(count for count in wanted if count))
    if not left:
        return True
    return _fills(tuple(each for each in stock if each[0] <= left[-1]), left)


@lru_cache(maxsize=1 << 18)
def _fills(stock: Stock, left: tuple[int, ...]) -> bool:
    if not stock:
        return False
    common = gcd(*(size for size, _ in stock))
    if any(count % common for count in left):
        return False
    if any(n == UNLIMITED and not any(c % size for c in left) for size, n in stock):
        return True
    size, number = stock[0]
    return any(can_fill(stock[1:], rest) for rest in _after_placing(left, size, number))


@lru_cache(maxsize=1 << 16)
def _after_placing(
    left: tuple[int, ...], size: int, number: int
) -> tuple[tuple[int, ...], ...]:
    """What is still wanted after up to ``number`` orbits of a size are given away."""
    states = {(left, number)}
    for place in range(len(left)):
        states |= {
            ((*rest[:place], rest[place] - used * size, *rest[place + 1 :]), n - used)
            for rest, n in states
            for used in range(1, min(n, rest[place] // size) + 1)
        }
    return tuple({tuple(sorted(c for c in rest if c)) for rest, _ in states})
