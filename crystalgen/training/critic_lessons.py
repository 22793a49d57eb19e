"""What the critic learns from: crystals as elements on positions, with their labels.

Drawn crystals tell what the networks get wrong, real ones what nature gets right. What
is unknown of a crystal costs nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, pairwise

import numpy as np
import torch
from ase.data import atomic_masses
from jaxtyping import Float, Float64, Int
from torch import Tensor, nn

from crystalgen.model.batch import Templates
from crystalgen.model.collate import to_templates
from crystalgen.model.composition_features import features_of, n_features
from crystalgen.model.critic import DENSITY, TARGETS, Critic, scores_of
from crystalgen.representation.crystal import primitive_multiplicities
from crystalgen.representation.prototype import prototypes_of
from crystalgen.representation.table import CrystalTable
from crystalgen.symmetry.lattice import lattice_matrix, primitive_vectors
from crystalgen.symmetry.wyckoff import space_group
from crystalgen.training.problem import Losses

BATCH = 2048
"""Crystals that are judged together."""
DALTON_PER_A3 = 1.66053907
"""g/cm³."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lessons:
    """Compositions on positions, and what is known of them.

    Attributes:
        templates: Groups, positions and roles.
        species: Atomic number of each role; 0 is padding.
        scores: See `crystalgen.model.critic.scores_of`.
    """

    templates: Templates
    species: Int[Tensor, "crystals roles"]
    scores: Float[Tensor, "crystals targets"]

    def __len__(self) -> int:
        return len(self.species)

    def rows(self, which: Int[Tensor, " some"]) -> "Lessons":
        """Some of them, without needless padding."""
        templates = self.templates.rows(which).trimmed()
        n_roles = int(templates.role.max()) + 1
        return Lessons(
            templates=templates,
            species=self.species[which, :n_roles],
            scores=self.scores[which],
        )

    def to(self, device: torch.device) -> "Lessons":
        """The same on another device."""
        return Lessons(
            templates=self.templates.to(device),
            species=self.species.to(device),
            scores=self.scores.to(device),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CriticProblem:
    """Crystals of known energy and the loss of the critic on them.

    Attributes:
        lessons: The crystals.
        identifiers: Their names.
    """

    lessons: Lessons
    identifiers: Sequence[str]

    @property
    def n_orbits(self) -> Int[np.ndarray, " crystals"]:
        """Orbits of each crystal."""
        return self.lessons.templates.present.sum(dim=1).numpy()

    def collate(
        self, indices: Int[np.ndarray, " batch"], device: torch.device
    ) -> Lessons:
        """Put some crystals into one batch on a device."""
        return self.lessons.rows(torch.from_numpy(indices)).to(device)

    def loss_of(
        self,
        model: nn.Module,
        batch: Lessons,
        *,
        progress: float,
        generator: torch.Generator,
    ) -> Losses:
        """Mean absolute errors of the scores that are known.

        Nothing is annealed or drawn: ``progress`` and ``generator`` do not matter.
        """
        found = model(batch.templates, batch.species)
        is_known = ~batch.scores.isnan()
        off = (found - batch.scores.nan_to_num(nan=0.0)).abs() * is_known
        errors = off.sum(dim=0) / len(batch)
        return Losses(
            total=errors.sum(),
            n_crystals=len(batch),
            parts=dict(zip(TARGETS, errors.detach(), strict=True)),
        )


def lessons_of(tables: Sequence[CrystalTable]) -> CriticProblem:
    """Crystals of known energy from tables with some of `TARGETS` as properties."""
    prototypes = [each for table in tables for each in prototypes_of(table)]
    n_roles = max((each.n_elements for each in prototypes), default=1)
    species = np.zeros((len(prototypes), n_roles), dtype=np.int64)
    elements = chain.from_iterable(
        np.split(table.species, table.orbit_offsets[1:-1]) for table in tables
    )
    for row, (each, on_orbits) in enumerate(zip(prototypes, elements, strict=True)):
        species[row, list(each.roles)] = on_orbits
    scores = [
        scores_of({**table.properties, DENSITY: densities(table)}, len(table))
        for table in tables
    ]
    return CriticProblem(
        lessons=Lessons(
            templates=to_templates(prototypes),
            species=torch.from_numpy(species),
            scores=torch.from_numpy(np.concatenate(scores)),
        ),
        identifiers=[name for table in tables for name in table.identifiers],
    )


def usual_features(
    critic: Critic, tables: Sequence[CrystalTable]
) -> Float64[np.ndarray, " features"]:
    """What crystals are made of in the mean, and how dense they are.

    Densities are those that the critic tells, as of drawn crystals, so that what it
    tells too high or too low makes no difference.
    """
    lessons = lessons_of(tables).lessons
    total = np.zeros(n_features())
    for rows in torch.arange(len(lessons)).split(BATCH):
        some = lessons.rows(rows)
        log_density = critic.judge(some.templates, some.species).log_density
        total += features_of(some.templates, some.species, log_density).sum(axis=0)
    return total / len(lessons)


def true_features(tables: Sequence[CrystalTable]) -> Float64[np.ndarray, " features"]:
    """What crystals are made of in the mean, and how dense they are in fact.

    As `usual_features`, with the densities that the crystals have, not those told.

    Args:
        tables: The crystals, at least one.
    """
    lessons = lessons_of(tables).lessons
    log_density = np.log(np.concatenate([densities(table) for table in tables]))
    return features_of(lessons.templates, lessons.species, log_density).mean(axis=0)


def densities(table: CrystalTable) -> Float64[np.ndarray, " crystals"]:
    """Mass over volume of each crystal, g/cm³."""
    found = np.empty(len(table))
    for row, (start, stop) in enumerate(pairwise(table.orbit_offsets.tolist())):
        group = int(table.space_group[row])
        sizes = np.array(primitive_multiplicities(group))[table.wyckoff[start:stop]]
        cell = lattice_matrix(table.lattice_parameters[row])
        volume = np.linalg.det(primitive_vectors(space_group(group)) @ cell)
        found[row] = atomic_masses[table.species[start:stop]] @ sizes / volume
    return found * DALTON_PER_A3
