"""Which codebook is about what: its information about each label, as a table."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from crystalgen.errors import RequestError
from crystalgen.latent.information import Information, information
from crystalgen.latent.labels import LABELS, UNKNOWN, Facts
from crystalgen.latent.reading import Reading
from crystalgen.latent.slots import value

FEWEST = 30
"""Crystals below which a map would say nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What one codebook says about one label.

    Attributes:
        codebook: Its name, "species.1", "cell.1" or "orbit.1" ...
        label: What it is compared with, see `LABELS`.
        information: What it says; None where the label is known of no crystal.
    """

    codebook: str
    label: str
    information: Information | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LatentMap:
    """Information of all codebooks about all labels.

    Attributes:
        entries: One for each codebook and label, codebook by codebook.
        n_crystals: Crystals that it was measured on.
    """

    entries: tuple[Entry, ...]
    n_crystals: int

    @property
    def codebooks(self) -> tuple[str, ...]:
        """Names of the codebooks, in order."""
        return tuple(dict.fromkeys(entry.codebook for entry in self.entries))


def latent_map(
    readings: Sequence[Reading], facts: Sequence[Facts], *, seed: int = 0
) -> LatentMap:
    """Measure what each codebook says about each label.

    A codebook of species is looked at for each element of each crystal, one of the
    cell for each crystal, one of orbits for each orbit with free coordinates.

    Args:
        readings: Crystals and their codes.
        facts: What the labels of the same crystals are made of.
        seed: Of the shuffles by which the bias is found.

    Raises:
        RequestError: There are too few crystals.
    """
    if len(readings) < FEWEST:
        raise RequestError(
            f"map: got {len(readings)} crystals; expected at least {FEWEST}, better "
            "a thousand: of a few, codes seem to say everything"
        )
    found: defaultdict[str, list[tuple[int, int, tuple[int, ...]]]] = defaultdict(list)
    for crystal, (reading, each) in enumerate(zip(readings, facts, strict=True)):
        for slot in reading.slots:
            found[slot.codebook].append(
                (crystal, value(reading.codes, slot), each.labels(slot))
            )
    order = ("species", "cell", "orbit")
    names = sorted(
        found, key=lambda name: (order.index(name.split(".")[0]), name.split(".")[1])
    )
    entries = tuple(
        Entry(
            codebook=name,
            label=label,
            information=_information(found[name], place, seed),
        )
        for name in names
        for place, label in enumerate(LABELS)
    )
    return LatentMap(entries=entries, n_crystals=len(readings))


def _information(
    samples: Sequence[tuple[int, int, tuple[int, ...]]], place: int, seed: int
) -> Information | None:
    rows = np.array(
        [
            (crystal, code, labels[place])
            for crystal, code, labels in samples
            if labels[place] != UNKNOWN
        ],
        dtype=np.int64,
    ).reshape(-1, 3)
    if not len(rows):
        return None
    crystals, codes, labels = rows.T
    return information(codes, labels, crystals, seed=seed)
