"""Decorate a host: score assignments, check the best, hand them out in order."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from pymatgen.core import Structure

from crystalgen.decoration.assignments import all_assignments, with_formula
from crystalgen.decoration.host import Host, read_host
from crystalgen.decoration.likelihood import BATCH
from crystalgen.decoration.request import DecorationRequest
from crystalgen.decoration.scorer import Scorer, describe
from crystalgen.decoration.search import search
from crystalgen.decoration.sites import Assignment, Sites, choose_sites
from crystalgen.generation.candidate import Codes, Tally
from crystalgen.generation.checks import fault_of
from crystalgen.generation.duplicates import SeenCrystals
from crystalgen.generation.weights import Weights, load_weights
from crystalgen.representation.crystal import SymmetricCrystal
from crystalgen.representation.framework import protostructure
from crystalgen.representation.neutrality import is_neutral

if TYPE_CHECKING:
    from ase import Atoms


@dataclass(frozen=True, kw_only=True)
class Decoration:
    """A host with other elements.

    Attributes:
        rank: 0 for the best.
        crystal: The crystal as group, orbits and free parameters.
        codes: Codes that the encoder finds for it.
        score: Weighted log-likelihood in nats, up to a constant of the host; see
            `crystalgen.decoration.likelihood`.
        sites: Positions of the host with their elements, "Na 4a, Cl 4b".
        is_neutral: Whether usual oxidation states of its elements cancel.
        is_known: Whether a training crystal has these elements on these positions.
        is_host: Whether no element was exchanged.
    """

    rank: int
    crystal: SymmetricCrystal
    codes: Codes
    score: float
    sites: str
    is_neutral: bool
    is_known: bool
    is_host: bool

    @property
    def formula(self) -> str:
        """Reduced formula."""
        return self.crystal.formula

    @property
    def space_group(self) -> int:
        """Number of the space group, 1 to 230."""
        return self.crystal.space_group

    @cached_property
    def structure(self) -> Structure:
        """The primitive cell as pymatgen's `Structure`."""
        from crystalgen.representation.conversion import to_structure

        return to_structure(self.crystal)


@dataclass(kw_only=True)
class Decorating(Iterator[Decoration]):
    """Decorations of a host, the best first; a lazy iterator.

    Raises:
        CrystalgenError: When it is made: the host or the request is impossible.
    """

    weights: Weights
    request: DecorationRequest
    structure: Structure
    seed: int = 0
    tally: Tally = field(default_factory=Tally)
    """What became of the decorations so far."""

    def __post_init__(self) -> None:
        request = self.request
        self.host: Host = read_host(
            self.structure, supercell=request.supercell, symmetry=request.symmetry
        )
        counts = self.weights.networks.statistics.species_count.cpu().numpy()
        elements = np.flatnonzero(counts > 0).tolist()
        self.sites: Sites = choose_sites(self.host, request, elements)
        self._listed = (
            with_formula(self.sites, request.formula, seed=self.seed)
            if request.formula
            else all_assignments(self.sites)
        )
        self.scorer = Scorer(self.weights, self.host, self.sites, request.cell)
        self._is_scored = False
        self._source = self._checked()

    @property
    def is_exhaustive(self) -> bool:
        """Whether every decoration asked for is scored, rather than a search made."""
        return self._listed is not None

    def prepare(self) -> Iterator[tuple[int, int]]:
        """Score decorations; yields the steps done and their number.

        The first decoration asked for does the same; this is for progress bars.
        """
        if self._listed is None:
            yield from search(
                self.weights,
                self.scorer,
                self.sites,
                seed=self.seed,
                scale=self.request.temperature,
            )
        else:
            for start in range(0, len(self._listed), BATCH):
                self.scorer.score(self._listed[start : start + BATCH])
                done = min(start + BATCH, len(self._listed))
                yield done, len(self._listed)
        self._is_scored = True

    def __next__(self) -> Decoration:
        return next(self._source)

    def _checked(self) -> Iterator[Decoration]:
        """Decorations that pass all checks, in the order of their scores."""
        if not self._is_scored:
            for _ in self.prepare():
                pass
        seen = SeenCrystals()
        for assignment, crystal, score in self.scorer.ranked():
            if self.tally.unique >= self.request.n:
                return
            self.tally.drawn += 1
            is_known = protostructure(crystal) in self.weights.known
            if is_known and not self.request.allow_known:
                self.tally.rejected["known"] += 1
            elif fault := fault_of(crystal, self.weights):
                self.tally.rejected[fault] += 1
            else:
                self.tally.valid += 1
                if seen.add(crystal):
                    self.tally.unique += 1
                    yield self._decoration(assignment, crystal, score, is_known)
                else:
                    self.tally.rejected["duplicate"] += 1

    def _decoration(
        self,
        assignment: Assignment,
        crystal: SymmetricCrystal,
        score: float,
        is_known: bool,
    ) -> Decoration:
        from crystalgen.generation.encoding import encode

        counts = crystal.composition
        return Decoration(
            rank=self.tally.unique - 1,
            crystal=crystal,
            codes=encode(self.weights, [crystal])[0],
            score=score,
            sites=describe(self.host, self.sites, assignment),
            is_neutral=is_neutral(tuple(counts), tuple(counts.values())),
            is_known=is_known,
            is_host=assignment == self.sites.before,
        )


def decorate(
    host: "Structure | Atoms",
    request: DecorationRequest | None = None,
    *,
    seed: int = 0,
    weights: Weights | None = None,
) -> Decorating:
    """Put elements on the sites of a lattice, the most likely first.

    Args:
        host: Ordered crystal in any cell, pymatgen's or ASE's.
        request: Which sites, which elements; None for all.
        seed: Same seed, weights and request: same decorations.
        weights: A loaded model, ``Generator.load().weights``; None for that inside
            the package.

    Returns:
        A lazy iterator of decorations; its `tally` says what became of the others.

    Raises:
        CrystalgenError: The host is no ordered crystal, or the request is impossible.
    """
    return Decorating(
        weights=load_weights(None) if weights is None else weights,
        request=DecorationRequest() if request is None else request,
        structure=_structure(host),
        seed=seed,
    )


def _structure(host: "Structure | Atoms") -> Structure:
    if isinstance(host, Structure):
        return host
    from pymatgen.io.ase import AseAtomsAdaptor

    # pymatgen annotates its own stand-in for a missing ase
    return AseAtomsAdaptor.get_structure(host)  # pyright: ignore[reportArgumentType]
