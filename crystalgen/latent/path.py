"""Frames between two sets of codes, and the order in which codes change.

Between crystals of one template (group, positions, roles) all codes that differ change
one by one. Between templates, the codes of matched elements and of the cell are shared;
the change of template, and with it of all other codes, is one more step.
"""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from crystalgen.generation.candidate import Codes
from crystalgen.latent.reading import Reading, elements_of
from crystalgen.latent.slots import Slot, changed, value
from crystalgen.representation.crystal import SymmetricCrystal
from crystalgen.representation.elements import RANKS
from crystalgen.representation.prototype import roles_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Flip:
    """A code that both ends have, with different values.

    Attributes:
        start: Where the code is in the start.
        end: Where it is in the end.
        old: Its value in the start.
        new: Its value in the end.
    """

    start: Slot
    end: Slot
    old: int
    new: int

    @property
    def text(self) -> str:
        """What changes, in plain words."""
        return f"{self.start.name} {self.old} -> {self.new}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ends:
    """Two crystals with what they share.

    Attributes:
        start: The crystal that a walk begins with.
        end: The one that it ends with.
        flips: The codes that change one by one.
        is_one_template: Whether group, positions and roles are the same.
    """

    start: Reading
    end: Reading
    flips: tuple[Flip, ...]
    is_one_template: bool

    def codes(self, flipped: Collection[Flip], *, switched: bool) -> Codes:
        """Codes after some changes, in the template of the start or of the end."""
        if switched:
            codes = self.end.codes
            for flip in self.flips:
                if flip not in flipped:
                    codes = changed(codes, flip.end, flip.old)
            return codes
        codes = self.start.codes
        for flip in flipped:
            codes = changed(codes, flip.start, flip.new)
        return codes

    def template(self, *, switched: bool) -> SymmetricCrystal:
        """The crystal whose group, positions and roles are decoded on."""
        return self.end.crystal if switched else self.start.crystal


def ends_of(start: Reading, end: Reading) -> Ends:
    """Find which codes change on the way from one crystal to another."""
    is_one = template_of(start.crystal) == template_of(end.crystal)
    matched = (
        {role: role for role in range(len(start.codes.roles))}
        if is_one
        else match_roles(start.crystal, end.crystal)
    )
    pairs = []
    for slot in start.slots:
        if slot.part == "species" and slot.token in matched:
            other = Slot(part="species", token=matched[slot.token], code=slot.code)
            pairs.append((slot, other))
        elif slot.part == "cell" or (slot.part == "orbit" and is_one):
            pairs.append((slot, slot))
    flips = (
        Flip(
            start=slot,
            end=other,
            old=value(start.codes, slot),
            new=value(end.codes, other),
        )
        for slot, other in pairs
    )
    return Ends(
        start=start,
        end=end,
        flips=tuple(flip for flip in flips if flip.old != flip.new),
        is_one_template=is_one,
    )


def template_of(
    crystal: SymmetricCrystal,
) -> tuple[int, tuple[int, ...], tuple[int, ...]]:
    """Group, positions and roles."""
    return crystal.space_group, crystal.wyckoff, roles_of(crystal.species)


def match_roles(start: SymmetricCrystal, end: SymmetricCrystal) -> dict[int, int]:
    """Which element of one crystal takes the part of which of another.

    Each at most once, so that the places of matched elements in the order of
    electronegativity differ least in sum.
    """
    rank = np.array(RANKS)
    ones = rank[np.array(elements_of(start)) - 1]
    twos = rank[np.array(elements_of(end)) - 1]
    rows, columns = linear_sum_assignment(np.abs(ones[:, None] - twos[None]))
    return dict(zip(rows.tolist(), columns.tolist(), strict=True))
