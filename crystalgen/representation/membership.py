"""Which labels were seen before, without keeping them.

A Bloom filter (Bloom, Commun. ACM 13, 422, 1970): a few bits of a table are set for
each label. A label that was added is always found; another one is taken for known with
a small probability, below `FALSE_POSITIVES`. No label can be read out of the table.
"""

import math
from collections.abc import Collection
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from jaxtyping import Int, UInt8

FALSE_POSITIVES = 1e-3
"""Chance that a label never added is taken for known."""
N_HASHES = 10
"""Bits set for each label; about log2(1 / `FALSE_POSITIVES`)."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SeenLabels:
    """A set of labels that can be asked, but not listed.

    Attributes:
        table: The bits, 8 in each entry; none for the empty set.
    """

    table: UInt8[np.ndarray, " bytes"]

    def __contains__(self, label: str) -> bool:
        """Whether a label was added, or rarely one that was not."""
        if not len(self.table):
            return False
        places = _places(label, 8 * len(self.table))
        return bool(((self.table[places >> 3] >> (places & 7)) & 1).all())


def remember(labels: Collection[str]) -> SeenLabels:
    """Make a set of labels.

    >>> "NaCl" in remember({"NaCl"}), "KCl" in remember({"NaCl"})
    (True, False)
    """
    # the table in which half of the bits are set in the end
    n_bytes = math.ceil(len(labels) * N_HASHES / math.log(2) / 8)
    table = np.zeros(n_bytes, dtype=np.uint8)
    for label in labels:
        places = _places(label, 8 * n_bytes)
        np.bitwise_or.at(table, places >> 3, (1 << (places & 7)).astype(np.uint8))
    return SeenLabels(table=table)


def _places(label: str, n_bits: int) -> Int[np.ndarray, " hashes"]:
    """Bits of a label, by double hashing (Kirsch and Mitzenmacher, 2008)."""
    digest = blake2b(label.encode(), digest_size=16).digest()
    first, second = (
        int.from_bytes(half, "little") for half in (digest[:8], digest[8:])
    )
    return np.array([(first + k * (second | 1)) % n_bits for k in range(N_HASHES)])
