"""Real crystals: what the figures of a perfect generator would be."""

import numpy as np
from jaxtyping import Int

from crystalgen.errors import DatasetError
from crystalgen.representation.conversion import to_structure
from crystalgen.representation.crystal import SymmetricCrystal
from crystalgen.representation.table import CrystalTable
from peers.made import Made, bare_item


def real(crystals: list[SymmetricCrystal]) -> Made:
    """The given crystals, in their symmetrised form."""
    items = tuple(
        bare_item(f"real-{index:05d}", to_structure(each), asked_group=each.space_group)
        for index, each in enumerate(crystals)
    )
    return Made(
        name="real",
        note="crystals of another split of the data, symmetrised at 0.1 Å",
        asked=len(crystals),
        items=items,
        failures={},
        cpu_s=None,
    )


def chosen(table: CrystalTable, n: int, *, seed: int) -> list[SymmetricCrystal]:
    """Different crystals of a table, at random.

    Raises:
        DatasetError: It holds fewer.
    """
    return [table.crystal(row) for row in chosen_rows(table, n, seed=seed).tolist()]


def chosen_rows(table: CrystalTable, n: int, *, seed: int) -> Int[np.ndarray, " n"]:
    """Where `chosen` finds them.

    Raises:
        DatasetError: It holds fewer.
    """
    if n > len(table):
        raise DatasetError(f"--n {n}: a cache holds only {len(table)} crystals")
    return np.random.default_rng(seed).choice(len(table), n, replace=False)
