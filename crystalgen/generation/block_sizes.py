"""Which draws are computed together.

Fixed, for the last bits of a sum depend on the batch. Small blocks first, so that few
crystals come soon; larger ones later, because the last rounds of a block, in which few
draws are left, cost as much for a small one.
"""

DRAWS_PER_BLOCK = 128
"""Draws of each of the first blocks."""
FIRST_BLOCKS = 8
"""Blocks of that size."""
DRAWS_PER_LATER_BLOCK = 256
"""Draws of each of the others."""


def draws_of(block: int) -> range:
    """Numbers of the draws of a block.

    >>> draws_of(0), draws_of(8)
    (range(0, 128), range(1024, 1280))
    """
    if block < FIRST_BLOCKS:
        first = block * DRAWS_PER_BLOCK
        return range(first, first + DRAWS_PER_BLOCK)
    first = FIRST_BLOCKS * DRAWS_PER_BLOCK
    first += (block - FIRST_BLOCKS) * DRAWS_PER_LATER_BLOCK
    return range(first, first + DRAWS_PER_LATER_BLOCK)


def block_of(draw: int) -> int:
    """The block that a draw belongs to."""
    beyond = draw - FIRST_BLOCKS * DRAWS_PER_BLOCK
    if beyond < 0:
        return draw // DRAWS_PER_BLOCK
    return FIRST_BLOCKS + beyond // DRAWS_PER_LATER_BLOCK
