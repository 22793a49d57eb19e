"""Crystals that are known already, to be asked what is new.

Knows a set of crystals, usually the training data, by formula, by framework and by
template. Crystals are kept as bare parameters and expanded when they are compared.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import gcd

from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core import Structure

from crystalgen.evaluation.matching import n_primitive_atoms
from crystalgen.representation.conversion import to_structure
from crystalgen.representation.crystal import SymmetricCrystal
from crystalgen.representation.framework import framework, protostructure

Formula = tuple[tuple[int, int], ...]
"""Atomic numbers with reduced counts, ascending."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedCrystal:
    """A known crystal, in its canonical description."""

    identifier: str
    crystal: SymmetricCrystal


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class KnownCrystals:
    """Known crystals by what they can be found by; made by `know`."""

    n: int
    by_formula: Mapping[Formula, Sequence[NamedCrystal]]
    by_framework: Mapping[str, Sequence[NamedCrystal]]
    templates: frozenset[str]
    protostructures: frozenset[str]

    def candidates(self, structure: Structure) -> Sequence[NamedCrystal]:
        """The known crystals of the reduced formula of a structure."""
        counts = Counter(site.specie.Z for site in structure)
        return self.by_formula.get(reduced(counts), ())

    def parent(self, framework: str, elements: Iterable[int]) -> NamedCrystal | None:
        """The known crystal of a framework that shares the most elements.

        The first of several; None if the framework is not known.
        """
        wanted = set(elements)
        return max(
            self.by_framework.get(framework, ()),
            key=lambda each: len(wanted.intersection(each.crystal.species)),
            default=None,
        )


def know(crystals: Iterable[NamedCrystal]) -> KnownCrystals:
    """Sort known crystals by all that they can be found by."""
    by_formula: dict[Formula, list[NamedCrystal]] = {}
    by_framework: dict[str, list[NamedCrystal]] = {}
    templates, protostructures = set(), set()
    n = 0
    for each in crystals:
        n += 1
        crystal = each.crystal
        by_formula.setdefault(reduced(crystal.composition), []).append(each)
        by_framework.setdefault(framework(crystal), []).append(each)
        templates.add(crystal.label)
        protostructures.add(protostructure(crystal))
    return KnownCrystals(
        n=n,
        by_formula=by_formula,
        by_framework=by_framework,
        templates=frozenset(templates),
        protostructures=frozenset(protostructures),
    )


def reduced(counts: Mapping[int, int]) -> Formula:
    """The reduced formula of a cell, from atoms of each atomic number.

    >>> reduced({8: 6, 22: 3})
    ((8, 2), (22, 1))
    """
    unit = gcd(*counts.values())
    return tuple((number, counts[number] // unit) for number in sorted(counts))


def first_match(structure: Structure, known: Iterable[NamedCrystal]) -> str | None:
    """The first known crystal that is the same, by its identifier.

    Equal is what pymatgen's ``StructureMatcher`` with its default tolerances says, as
    in CDVAE and later work; volumes are scaled.
    """
    matcher = StructureMatcher()
    size = n_primitive_atoms(structure)
    for each in known:
        # the matcher compares primitive cells; its own may be smaller than ours
        if each.crystal.n_atoms % size:
            continue
        if matcher.fit(structure, to_structure(each.crystal)):
            return each.identifier
    return None
