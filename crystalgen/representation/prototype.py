"""Anonymised prototypes: what is left of a crystal without elements and geometry.

A prototype is a space group, the Wyckoff positions of the orbits and which orbits share
an element. A vocabulary of them with counts is a learnt parameter of a model: it says
how often a frame occurs, and holds no crystal.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from jaxtyping import Int

from crystalgen.representation.table import CrystalTable

MIN_SEEN = 2
"""Crystals that must share a prototype before an embedding is learnt for it, or a
template before a usual geometry is."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Prototype:
    """Space group, positions and roles.

    Attributes:
        space_group: Number of the space group, 1 to 230.
        wyckoff: Index of each orbit's position in the group, 0 for a; non-decreasing.
        roles: Number of the element on each orbit, in order of first appearance.
    """

    space_group: int
    wyckoff: tuple[int, ...]
    roles: tuple[int, ...]

    @property
    def n_elements(self) -> int:
        """Distinct elements."""
        return max(self.roles) + 1

    @property
    def template(self) -> tuple[int, tuple[int, ...]]:
        """The group and the positions, whatever sits on them."""
        return self.space_group, self.wyckoff


def roles_of(species: Iterable[int]) -> tuple[int, ...]:
    """Number elements in order of first appearance.

    >>> roles_of([22, 8, 22, 38])
    (0, 1, 0, 2)
    """
    seen: dict[int, int] = {}
    return tuple(seen.setdefault(int(element), len(seen)) for element in species)


@dataclass(frozen=True, kw_only=True)
class PrototypeVocabulary:
    """Known prototypes with the number of times each was seen, most frequent first.

    Attributes:
        space_group: Group of each prototype.
        offsets: Where the orbits of each prototype start; one more entry closes them.
        wyckoff: Positions of all orbits, one prototype after the other.
        role: Roles of all orbits.
        count: Crystals of the training data with this prototype.
    """

    space_group: Int[np.ndarray, " prototypes"]
    offsets: Int[np.ndarray, " offsets"]
    wyckoff: Int[np.ndarray, " orbits"]
    role: Int[np.ndarray, " orbits"]
    count: Int[np.ndarray, " prototypes"]

    def __len__(self) -> int:
        return len(self.space_group)

    def prototype(self, index: int) -> Prototype:
        """The prototype with an index counted from 0."""
        orbits = slice(int(self.offsets[index]), int(self.offsets[index + 1]))
        return Prototype(
            space_group=int(self.space_group[index]),
            wyckoff=tuple(self.wyckoff[orbits].tolist()),
            roles=tuple(self.role[orbits].tolist()),
        )

    @cached_property
    def index(self) -> Mapping[Prototype, int]:
        """Index of each prototype, counted from 0."""
        return {self.prototype(i): i for i in range(len(self))}

    @cached_property
    def n_embedded(self) -> int:
        """Prototypes seen at least `MIN_SEEN` times; they come first."""
        return int((self.count >= MIN_SEEN).sum())

    @cached_property
    def templates(self) -> Mapping[tuple[int, tuple[int, ...]], int]:
        """Number of each group with its positions seen at least `MIN_SEEN` times.

        Counted from 0, in the order of their most frequent prototypes.
        """
        seen: Counter[tuple[int, tuple[int, ...]]] = Counter()
        for prototype, row in self.index.items():
            seen[prototype.template] += int(self.count[row])
        common = (template for template, n in seen.items() if n >= MIN_SEEN)
        return {template: number for number, template in enumerate(common)}

    @cached_property
    def template_of(self) -> Int[np.ndarray, " embedded"]:
        """Number of the template of each prototype with an embedding."""
        rows = (self.prototype(row).template for row in range(self.n_embedded))
        return np.array([self.templates[row] for row in rows], dtype=np.int64)

    def label(self, prototype: Prototype) -> tuple[int, int]:
        """What a model knows a prototype by.

        Returns:
            Its embedding and its usual geometry, counted from 1; 0 is none. The usual
            geometries are those of the prototypes with an embedding, then those of
            the templates, for prototypes without one.
        """
        row = self.index.get(prototype, len(self))
        if row < self.n_embedded:
            return row + 1, row + 1
        number = self.templates.get(prototype.template, -1)
        return 0, self.n_embedded + number + 1 if number >= 0 else 0

    def arrays(self) -> dict[str, np.ndarray]:
        """Plain arrays, for a checkpoint."""
        return {
            "space_group": self.space_group,
            "offsets": self.offsets,
            "wyckoff": self.wyckoff,
            "role": self.role,
            "count": self.count,
        }


def count_prototypes(table: CrystalTable) -> PrototypeVocabulary:
    """Collect the prototypes of a table of crystals."""
    seen = Counter(prototypes_of(table))
    ordered = sorted(seen.items(), key=lambda item: (-item[1], item[0]))
    sizes = [len(prototype.wyckoff) for prototype, _ in ordered]
    return PrototypeVocabulary(
        space_group=np.array([p.space_group for p, _ in ordered], dtype=np.int16),
        offsets=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32),
        wyckoff=np.array([w for p, _ in ordered for w in p.wyckoff], dtype=np.int8),
        role=np.array([r for p, _ in ordered for r in p.roles], dtype=np.int8),
        count=np.array([count for _, count in ordered], dtype=np.int32),
    )


def prototypes_of(table: CrystalTable) -> Iterator[Prototype]:
    """The prototype of each crystal of a table."""
    for (start, stop), group in zip(
        pairwise(table.orbit_offsets.tolist()), table.space_group.tolist(), strict=True
    ):
        yield Prototype(
            space_group=group,
            wyckoff=tuple(table.wyckoff[start:stop].tolist()),
            roles=roles_of(table.species[start:stop].tolist()),
        )
