"""All that is found out about one crystal by itself.

Validity as LeMat-GenBench and as CDVAE define it, the space group, and the labels by
which crystals are compared. Nothing here needs other crystals.
"""

from dataclasses import dataclass, field

import numpy as np
from pymatgen.core import DummySpecies, Structure

from crystalgen.errors import GeometryError, RepresentationError, SymmetryError
from crystalgen.evaluation.composition import is_smact_valid
from crystalgen.evaluation.distribution import Traits
from crystalgen.evaluation.groups import (
    SYMPRECS,
    GroupMatch,
    find_group,
    match_group,
)
from crystalgen.evaluation.validity import Verdict, judge
from crystalgen.representation.conversion import from_structure
from crystalgen.representation.crystal import SymmetricCrystal
from crystalgen.representation.framework import framework, protostructure
from crystalgen.symmetry.gate import check_geometry

SHORTEST_DISTANCE = 0.5
"""Å; CDVAE calls crystals with closer atoms invalid (after Court et al. 2020)."""
SMALLEST_VOLUME = 0.1
"""Å³, from CDVAE's code."""
REACH = 6.0
"""Å; an atom without another so near is alone, as for the potential CHGNet (Deng et
al., Nat. Mach. Intell. 5, 1031, 2023), whose graph ends there. Caesium's atoms are
5.3 Å apart, those of solid xenon 4.4 Å."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """Names by which a crystal is compared with others; all at symprec 0.1 Å."""

    template: str
    """Space group and Wyckoff letters."""
    framework: str
    """The template and which positions share an element."""
    protostructure: str
    """The framework with its elements."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """What is known of one crystal."""

    identifier: str
    formula: str
    """Reduced."""
    n_atoms: int
    """Of the primitive cell."""
    n_elements: int
    density: float
    """g/cm³."""
    space_group: int
    """Found at 0.1 Å; 0 if there is none."""
    asked_group: int | None
    """The group that was asked for or declared; None if that is not known."""
    group_matches: tuple[GroupMatch, ...] = ()
    """At each of `SYMPRECS`; empty where no group was asked for."""
    verdict: Verdict
    """LeMat-GenBench's checks."""
    is_separated: bool
    """CDVAE's structural validity."""
    is_smact_valid: bool
    """CDVAE's compositional validity."""
    n_lone_atoms: int
    """Atoms of the primitive cell that are further than `REACH` from all others: of a
    crystal that fell apart, which no other check finds."""
    labels: Labels | None
    """None if the crystal has no description by Wyckoff positions."""
    structure: Structure = field(repr=False, compare=False)
    """The primitive cell, for comparison with other crystals."""

    @property
    def elements(self) -> frozenset[int]:
        """Atomic numbers that occur."""
        return frozenset(site.specie.Z for site in self.structure)

    @property
    def traits(self) -> Traits:
        """What is compared with the distribution of a reference."""
        return Traits(
            density=self.density,
            n_elements=self.n_elements,
            space_group=self.space_group,
        )

    @property
    def is_cdvae_valid(self) -> bool:
        """Structure and composition are valid."""
        return self.is_separated and self.is_smact_valid


def assess(
    identifier: str,
    structure: Structure,
    *,
    asked_group: int | None = None,
    as_written: Structure | None = None,
    crystal: SymmetricCrystal | None = None,
) -> Assessment:
    """Judge one crystal.

    Args:
        identifier: Its name in the answer.
        structure: Any cell; it is reduced to a primitive one, which is what
            LeMat-GenBench's port does, as its distance check depends on the cell.
        asked_group: Space group that the crystal should have.
        as_written: The crystal as read back from its file, to find its group;
            ``structure`` where it is missing.
        crystal: Its canonical description, if it is known already; ``structure`` is
            then taken for its primitive cell.

    Raises:
        RepresentationError: Sites are disordered or hold no element.
        GeometryError: No crystal can have this geometry.
    """
    sane = checked(structure)
    primitive = sane.get_primitive_structure() if crystal is None else sane
    written = sane if as_written is None else checked(as_written)
    matches = () if asked_group is None else SYMPRECS
    return Assessment(
        identifier=identifier,
        formula=primitive.composition.reduced_formula,
        n_atoms=len(primitive),
        n_elements=len(primitive.composition),
        density=float(primitive.density),
        space_group=find_group(written, symprec=SYMPRECS[0]),
        asked_group=asked_group,
        group_matches=tuple(
            match_group(written, asked_group or 0, symprec=symprec)
            for symprec in matches
        ),
        verdict=judge(primitive),
        is_separated=is_separated(primitive),
        is_smact_valid=is_smact_valid(primitive.composition),
        n_lone_atoms=n_lone_atoms(primitive),
        labels=_labels(sane, crystal),
        structure=primitive,
    )


def describe(structure: Structure, *, crystal: SymmetricCrystal | None) -> Traits:
    """What distributions need to know of a crystal, without judging it.

    Args:
        structure: Any cell.
        crystal: Its description at 0.1 Å, if it is known already.

    Raises:
        RepresentationError: Sites are disordered or hold no element.
        GeometryError: No crystal can have this geometry.
    """
    sane = checked(structure)
    group = crystal.space_group if crystal else None
    return Traits(
        density=float(sane.density),
        n_elements=len(sane.composition),
        space_group=group or find_group(sane, symprec=SYMPRECS[0]),
    )


def checked(structure: Structure) -> Structure:
    """The structure without oxidation states, if it is one that can be judged.

    Raises:
        RepresentationError: Sites are disordered or hold no element.
        GeometryError: No crystal can have this geometry.
    """
    if not structure.is_ordered:
        raise RepresentationError(
            "some sites are disordered; expected one element per site: order the"
            " structure first"
        )
    for place, site in enumerate(structure):
        if isinstance(site.specie, DummySpecies):
            raise RepresentationError(
                f"site {place}: got {site.species_string!r}, which is no element;"
                " expected H to Og"
            )
    neutral = structure.copy()
    neutral.remove_oxidation_states()
    check_geometry(
        np.array(neutral.lattice.matrix, dtype=np.float64),
        np.array(neutral.frac_coords, dtype=np.float64),
    )
    return neutral


def is_separated(structure: Structure) -> bool:
    """Whether no two atoms are closer than 0.5 Å and the cell has a volume.

    CDVAE's structural validity (Xie et al., ICLR 2022; ``structure_validity`` in its
    code): the smallest entry of the distance matrix but for the diagonal.
    """
    distances = structure.distance_matrix[np.triu_indices(len(structure), k=1)]
    return structure.volume >= SMALLEST_VOLUME and bool(
        np.all(distances >= SHORTEST_DISTANCE)
    )


def n_lone_atoms(structure: Structure) -> int:
    """Atoms that have no other within `REACH`, images included."""
    centres, *_ = structure.get_neighbor_list(REACH)
    return len(structure) - len(np.unique(centres))


def _labels(structure: Structure, crystal: SymmetricCrystal | None) -> Labels | None:
    try:
        known = crystal or from_structure(structure, symprec=SYMPRECS[0])
    except (GeometryError, SymmetryError, RepresentationError):
        return None
    return Labels(
        template=known.label,
        framework=framework(known),
        protostructure=protostructure(known),
    )
