"""Anonymised prototypes: what is left of a crystal without elements and geometry.

A prototype is a space group, the Wyckoff positions of the orbits and which orbits share
an element. A vocabulary of them with counts is a learnt parameter of a model: it says
how often a frame occurs, and holds no crystal.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, pairwise

import numpy as np
from jaxtyping import Int

from crystalgen.representation.table import CrystalTable

MIN_SEEN = 2
"""Crystals that must share a prototype before an embedding is learnt for it."""


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
        return self.prototypes[index]

    @cached_property
    def prototypes(self) -> tuple[Prototype, ...]:
        """All prototypes, in order."""
        wyckoff, role = self.wyckoff.tolist(), self.role.tolist()
        return tuple(
            Prototype(
                space_group=group,
                wyckoff=tuple(wyckoff[start:stop]),
                roles=tuple(role[start:stop]),
            )
            for group, (start, stop) in zip(
                self.space_group.tolist(), pairwise(self.offsets.tolist()), strict=True
            )
        )

    @cached_property
    def index(self) -> Mapping[Prototype, int]:
        """Index of each prototype, counted from 0."""
        return {each: i for i, each in enumerate(self.prototypes)}

    @cached_property
    def n_embedded(self) -> int:
        """Prototypes seen at least `MIN_SEEN` times; they come first."""
        return int((self.count >= MIN_SEEN).sum())

    @cached_property
    def templates(self) -> frozenset[tuple[int, tuple[int, ...]]]:
        """Groups and positions of all prototypes."""
        return frozenset(prototype.template for prototype in self.index)

    @cached_property
    def by_template(self) -> Mapping[tuple[int, tuple[int, ...]], tuple[int, ...]]:
        """Prototypes that share a group and positions, most frequent first."""
        rows: defaultdict[tuple[int, tuple[int, ...]], list[int]] = defaultdict(list)
        for row, prototype in enumerate(self.prototypes):
            rows[prototype.template].append(row)
        return {template: tuple(members) for template, members in rows.items()}

    def relative(self, prototype: Prototype, *, is_embedded: bool = True) -> int:
        """Prototype with the same positions and the most similar roles.

        Similar are roles that agree on which pairs of orbits share an element. It is
        never the prototype itself; of equally similar ones it is the most frequent.

        Args:
            prototype: Known or not.
            is_embedded: Whether the relative shall be one with an embedding, or one
                without.

        Returns:
            Its index, counted from 0; -1 if there is none.
        """
        others = [
            row
            for row in self.by_template.get(prototype.template, ())
            if (row < self.n_embedded) is is_embedded
            and self.prototype(row) != prototype
        ]
        return max(
            others,
            key=lambda row: _agreement(self.prototype(row).roles, prototype.roles),
            default=-1,
        )

    @cached_property
    def relatives(self) -> Int[np.ndarray, " embedded"]:
        """Relative of each prototype with an embedding, counted from 0; -1 for none."""
        rows = (self.relative(self.prototype(row)) for row in range(self.n_embedded))
        return np.fromiter(rows, dtype=np.int64, count=self.n_embedded)

    def label(self, prototype: Prototype) -> tuple[int, int]:
        """What a trained model knows a prototype by.

        Returns:
            Its embedding and the prototype whose usual geometry it starts from: its
            own if it is known, or that of its relative, one with an embedding before
            others. Both are counted from 1; 0 is none.
        """
        row = self.index.get(prototype)
        if row is not None:
            return (row + 1 if row < self.n_embedded else 0), row + 1
        relative = self.relative(prototype)
        if relative < 0:
            relative = self.relative(prototype, is_embedded=False)
        return 0, relative + 1

    def training_label(self, prototype: Prototype) -> tuple[int, int]:
        """The same for a crystal that is learnt from.

        The usual geometry of a prototype seen once is that of this very crystal, which
        must be predicted from elsewhere: it starts from its embedded relative.
        """
        row = self.index.get(prototype, len(self))
        if row < self.n_embedded:
            return row + 1, row + 1
        return 0, self.relative(prototype) + 1

    def arrays(self) -> dict[str, np.ndarray]:
        """Plain arrays, for a checkpoint."""
        return {
            "space_group": self.space_group,
            "offsets": self.offsets,
            "wyckoff": self.wyckoff,
            "role": self.role,
            "count": self.count,
        }


def _agreement(one: tuple[int, ...], two: tuple[int, ...]) -> int:
    """Pairs of orbits that share an element in both, or in neither."""
    pairs = combinations(range(len(one)), 2)
    return sum((one[i] == one[j]) == (two[i] == two[j]) for i, j in pairs)


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
