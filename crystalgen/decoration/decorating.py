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
from crystalgen.representation.elements import SYMBOLS
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
        self._waiting: Decoration | None = None
        self._source = self._checked()

    @property
    def open_sites(self) -> str:
        """Sites that get elements, with those they had, "Na 4a"."""
        opened = set(self.sites.open_roles)
        names = (
            f"{SYMBOLS[number - 1]} {label}"
            for role, number, label in zip(
                self.sites.role_of_orbit,
                self.host.species,
                self.host.labels,
                strict=True,
            )
            if role in opened
        )
        return ", ".join(dict.fromkeys(names))

    @property
    def is_empty(self) -> bool:
        """Whether there is no decoration at all, before the first one is taken."""
        self._waiting = self._waiting or next(self._source, None)
        return self._waiting is None

    @property
    def shortfall(self) -> str:
        """Why there are no more decorations."""
        counts = self.tally.rejected.most_common()
        rejected = ", ".join(f"{count} {why}" for why, count in counts) or "none"
        kind = "every one" if self._listed is not None else "all that the search saw"
        return f"{kind} of {self.tally.drawn} was looked at; rejected: {rejected}"

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
        waiting, self._waiting = self._waiting, None
        return waiting or next(self._source)

    def _checked(self) -> Iterator[Decoration]:
        """Decorations that pass all checks, in the order of their scores."""
        if not self._is_scored:
            for _ in self.prepare():
                pass
        seen, described = SeenCrystals(), set()
        for assignment, crystal, score in self.scorer.ranked():
            if self.tally.unique >= self.request.n:
                return
            self.tally.drawn += 1
            is_known = protostructure(crystal) in self.weights.known
            if is_known and not self.request.allow_known:
                self.tally.rejected["known"] += 1
            elif (description := _description(crystal)) in described:
                self.tally.rejected["duplicate"] += 1
            elif fault := fault_of(
                # bonds of the host's anions are the user's choice
                crystal,
                self.weights,
                limits=self.weights.distance_limits,
            ):
                self.tally.rejected[fault] += 1
            else:
                self.tally.valid += 1
                described.add(description)
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
            codes=encode(self.weights, [crystal], rounds=0)[0],
            score=score,
            sites=describe(self.host, self.sites, assignment),
            is_neutral=is_neutral(tuple(counts), tuple(counts.values())),
            is_known=is_known,
            is_host=assignment == self.sites.before,
        )


def _description(crystal: SymmetricCrystal) -> tuple[object, ...]:
    """Equal for most descriptions of one crystal, so that few need be compared."""
    return (
        crystal.space_group,
        crystal.wyckoff,
        crystal.species,
        crystal.lattice_parameters.round(1).tobytes(),
        crystal.free_coords.round(2).tobytes(),
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
