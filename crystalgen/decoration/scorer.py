"""Scores of assignments, each found once."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float64

from crystalgen.decoration.host import Host
from crystalgen.decoration.likelihood import predicted_log_volumes, scores
from crystalgen.decoration.patterns import Patterns
from crystalgen.decoration.request import Cell
from crystalgen.decoration.sites import Assignment, Sites
from crystalgen.errors import RepresentationError
from crystalgen.generation.weights import Weights
from crystalgen.representation.crystal import SymmetricCrystal
from crystalgen.representation.elements import SYMBOLS


class Scorer:
    """Crystals and scores of assignments to the sites of one host.

    Args:
        weights: The model.
        host: The lattice.
        sites: Its roles.
        cell: Whether decorations have the cell of the host or one of their volume.

    Raises:
        RepresentationError: The host has too many sites for the networks.
    """

    def __init__(self, weights: Weights, host: Host, sites: Sites, cell: Cell) -> None:
        most = weights.config.max_orbits
        if host.n_orbits > most:
            raise RepresentationError(
                f"host: got {host.n_orbits} inequivalent sites; these weights read at "
                f"most {most}: take a smaller supercell, or keep more symmetry"
            )
        self._weights = weights
        self._sites = sites
        self._cell = cell
        self._patterns = Patterns(host)
        self._host_volume = 0.0
        """Predicted log-volume of the host."""
        self.host_crystal = self._patterns.crystal(host.species)
        self.crystals: dict[Assignment, SymmetricCrystal | None] = {}
        """Decorations by assignment; None where the atoms fit no group."""
        self.scores: dict[Assignment, float] = {}
        """Scores in nats; -inf where there is no crystal."""
        if cell == "rescaled":
            self._host_volume = float(self._volumes([self._checked_host()])[0])

    def score(
        self, assignments: Sequence[Assignment]
    ) -> Float64[np.ndarray, " assignments"]:
        """Score of each assignment."""
        new = [a for a in dict.fromkeys(assignments) if a not in self.scores]
        made = {each: self._crystal(each) for each in new}
        fitting = [each for each, crystal in made.items() if crystal is not None]
        crystals = [crystal for crystal in made.values() if crystal is not None]
        if self._cell == "rescaled" and crystals:
            crystals = self._rescaled(crystals)
        found = scores(self._weights, crystals) if crystals else np.zeros(0)
        self.scores |= dict.fromkeys(new, -np.inf)
        self.crystals |= dict.fromkeys(new)
        self.scores |= dict(zip(fitting, found.tolist(), strict=True))
        self.crystals |= dict(zip(fitting, crystals, strict=True))
        return np.array([self.scores[each] for each in assignments])

    def ranked(self) -> list[tuple[Assignment, SymmetricCrystal, float]]:
        """All decorations scored so far, the best first."""
        made = (
            (assignment, crystal, self.scores[assignment])
            for assignment, crystal in self.crystals.items()
            if crystal is not None
        )
        return sorted(made, key=lambda each: (-each[2], each[0]))

    def _crystal(self, assignment: Assignment) -> SymmetricCrystal | None:
        crystal = self._patterns.crystal(self._sites.of_orbits(assignment))
        config = self._weights.config
        if crystal is None or crystal.n_orbits > config.max_orbits:
            return None
        return crystal if len(set(crystal.species)) <= config.max_roles else None

    def _checked_host(self) -> SymmetricCrystal:
        crystal = self.host_crystal
        if (
            crystal is None
            or len(set(crystal.species)) > self._weights.config.max_roles
        ):
            raise RepresentationError(
                "host: its volume cannot be predicted, as it has too many elements or "
                "no space group; take --cell unchanged"
            )
        return crystal

    def _volumes(
        self, crystals: Sequence[SymmetricCrystal]
    ) -> Float64[np.ndarray, " crystals"]:
        return predicted_log_volumes(self._weights, crystals)

    def _rescaled(self, crystals: Sequence[SymmetricCrystal]) -> list[SymmetricCrystal]:
        """Crystals whose volume over the host's is the ratio that is predicted."""
        ratio = np.exp((self._volumes(crystals) - self._host_volume) / 3)
        factors = np.ones((len(crystals), 6))
        factors[:, :3] = ratio[:, None]
        return [
            replace(each, lattice_parameters=each.lattice_parameters * factor)
            for each, factor in zip(crystals, factors, strict=True)
        ]


def describe(host: Host, sites: Sites, assignment: Assignment) -> str:
    """Sites of a host with the elements they got, "Na 4a, Cl 4b"."""
    species = sites.of_orbits(assignment)
    pairs = zip(species, host.labels, strict=True)
    names = (f"{SYMBOLS[number - 1]} {label}" for number, label in pairs)
    return ", ".join(dict.fromkeys(names))
