"""Parts of a cache that share no prototype, to see what a model makes of new ones.

Published splits are random, so nearly all prototypes of the test crystals occur in
training too. Here whole prototypes are set aside. A prototype is what
`representation.framework` calls a framework: space group, positions and which of them
share an element, equal for all equivalent descriptions of a crystal.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Int64

from crystalgen.datasets.cache import (
    CacheInfo,
    read_cache,
    read_cache_info,
    write_cache,
)
from crystalgen.datasets.store import check_place
from crystalgen.errors import DatasetError
from crystalgen.representation.framework import framework
from crystalgen.representation.table import CrystalTable

ELSEWHERE = "in another part of the split"
"""Why crystals of the cache are not in a part."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Part:
    """One part of a split."""

    name: str
    """``train``, ``val`` or ``test``."""
    rows: Int64[np.ndarray, " crystals"]
    """Crystals of the cache, ascending."""
    n_prototypes: int
    """Different ones; none occurs in another part."""


def hold_out_prototypes(
    crystals: CrystalTable, *, share: float, seed: int
) -> tuple[Part, Part, Part]:
    """Set prototypes aside, half of them to validate on and half to test on.

    Args:
        crystals: What to split.
        share: Of the prototypes, to set aside; between 0 and 1, both excluded. The
            share of crystals is close to it, less so for small tables.
        seed: Which ones.

    Returns:
        Train, val and test; each crystal is in one of them.

    Raises:
        DatasetError: A part would be empty.
    """
    labels = [framework(crystals.crystal(row)) for row in range(len(crystals))]
    _, prototype_of = np.unique(labels, return_inverse=True)
    n = len(set(labels))
    n_held = max(2, round(share * n))
    if n_held >= n:
        raise DatasetError(
            f"{n} prototypes of which {share:g} are to be held out; expected at least"
            " one in each of train, val and test: take more crystals or another share"
        )
    order = np.random.default_rng(seed).permutation(n)
    bounds = {
        "train": (n_held, n),
        "val": (0, n_held // 2),
        "test": (n_held // 2, n_held),
    }
    train, val, test = (
        Part(
            name=name,
            rows=np.flatnonzero(np.isin(prototype_of, order[start:stop])),
            n_prototypes=stop - start,
        )
        for name, (start, stop) in bounds.items()
    )
    return train, val, test


def split_cache(
    cache: Path, folder: Path, *, share: float, seed: int
) -> tuple[Part, Part, Part]:
    """Write the parts of a cache to ``train.safetensors`` and so on in a folder.

    Raises:
        DatasetError: The cache cannot be read or the folder not be written to; or a
            part would be empty.
    """
    info = read_cache_info(cache)
    crystals, graphs = read_cache(cache)
    try:
        parts = hold_out_prototypes(crystals, share=share, seed=seed)
    except DatasetError as error:
        raise DatasetError(f"{cache}: {error}") from error
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DatasetError(f"{folder}: {error.strerror}") from error
    for part in parts:
        check_place(part_path(folder, part))
    for part in parts:
        write_cache(
            part_path(folder, part),
            crystals.take(part.rows),
            graphs.take(part.rows),
            _described(info, part, f"{share:g} of prototypes held out, seed {seed}"),
        )
    return parts


def part_path(folder: Path, part: Part) -> Path:
    """Where a part is written."""
    return folder / f"{part.name}.safetensors"


def _described(info: CacheInfo, part: Part, how: str) -> CacheInfo:
    n_kept = len(part.rows)
    n_elsewhere = info.n_kept - n_kept
    return replace(
        info,
        source=f"{info.source}, {how}: {part.name}",
        n_kept=n_kept,
        rejected={**info.rejected, ELSEWHERE: n_elsewhere},
    )
