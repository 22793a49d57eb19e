"""What a run has drawn before, so that long runs compute little twice.

A draw with the group, positions and elements of an earlier one would come to the same
crystal. It gets other elements instead, as it does where a training crystal has them:
else what repeats itself most, small templates, would become rare in long runs.

Blocks are computed at the same time, so a block cannot know all of those before it. It
knows the first half of them, or all but the last `LARGEST_LAG`: the same ones whatever
the number of processes, so that a run always has the same crystals.
"""

from array import array
from bisect import bisect_left
from collections import deque
from collections.abc import Iterable
from hashlib import blake2b

import numpy as np
from jaxtyping import UInt64

from crystalgen.generation.block_sizes import draws_of
from crystalgen.representation.crystal import SymmetricCrystal
from crystalgen.representation.framework import protostructure_of

FIRST_TO_KNOW = 16
"""First block that knows others; short runs repeat themselves too seldom to wait."""
LARGEST_LAG = 64
"""Last blocks that a block does not know: as many may be computed at the same time."""


def n_known_blocks(block: int) -> int:
    """How many blocks, from the first on, a block knows.

    >>> [n_known_blocks(block) for block in (0, 15, 16, 100, 200)]
    [0, 0, 8, 50, 136]
    """
    if block < FIRST_TO_KNOW:
        return 0
    return max(block // 2, block - LARGEST_LAG)


def digest_of(label: str) -> int:
    """64 bits, 0 to 2^64 - 1, that stand for a label; of two they hardly ever agree."""
    return int.from_bytes(blake2b(label.encode(), digest_size=8).digest(), "little")


class DrawnBefore:
    """Protostructures of the crystals of a run, as digests, in the order of draws.

    Args:
        crystals: Those there are, with the numbers of their draws, ascending.
    """

    def __init__(self, crystals: Iterable[tuple[int, SymmetricCrystal]] = ()) -> None:
        self._draws: list[int] = []
        self._digests = array("Q")
        self._new: deque[tuple[int, tuple[int, ...], tuple[int, ...]]] = deque()
        for draw, crystal in crystals:
            self.add(draw, crystal)

    def add(self, draw: int, crystal: SymmetricCrystal) -> None:
        """Add the crystal of a draw after all others."""
        self._draws.append(draw)
        self._new.append((crystal.space_group, crystal.wyckoff, crystal.species))

    def known_to(self, block: int) -> UInt64[np.ndarray, " crystals"]:
        """Digests of what a block knows.

        Args:
            block: Its number. All crystals of the blocks that it knows, see
                `n_known_blocks`, must have been added.

        Returns:
            Of each of those crystals, see `digest_of`, in the order of draws.
        """
        n_known = bisect_left(self._draws, draws_of(n_known_blocks(block)).start)
        # labels take a while, and short runs need none
        while len(self._digests) < n_known:
            label = protostructure_of(*self._new.popleft())
            self._digests.append(digest_of(label))
        return np.frombuffer(self._digests, dtype=np.uint64)[:n_known].copy()
