"""How good a crystal will be, told from its elements on its positions alone.

A transformer reads the orbits of a crystal before it has a geometry, so that the best
of several compositions can be taken at the price of no geometry. Good are those near
the hull whose geometry will be near rest. It learns from crystals of known energies and
forces, real and drawn ones: see `crystalgen.training.teaching`.

Of what it says, the part that goes with density, electronegativity and the share of
oxygen is left out, as measured on drawn crystals of the same prototypes. So the choice
leaves densities, and oxides, halides and others, nearly as they are drawn.
"""

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Float64, Int
from torch import Tensor, nn

from crystalgen.model.batch import Templates
from crystalgen.model.config import ModelConfig
from crystalgen.model.embedding import N_SPECIES, TemplateEmbedding
from crystalgen.model.layers import Transformer, mlp
from crystalgen.model.tables import symmetry_tables
from crystalgen.representation.periodic_table import element_places

ABOVE_HULL = "e_above_hull"
"""eV/atom, of the crystal as it was drawn."""
FORMATION = "formation_energy_per_atom"
"""eV/atom."""
FORCE = "largest_force"
"""eV/Å, of the atom with the largest one."""
DENSITY = "density"
"""g/cm³."""
TARGETS = (ABOVE_HULL, FORMATION, FORCE, DENSITY)
"""What the critic is taught."""
SMALL_ENERGY = 0.1
"""eV/atom above the hull, up to which differences count in full."""
SMALL_FORCE = 0.02
"""eV/Å, below which crystals are at rest."""
OXYGEN = 8
"""Its atomic number."""
N_FEATURES = 3
"""Of a crystal's nature, see `Verdict`."""


class Verdict(NamedTuple):
    """What the critic thinks of some crystals."""

    cost: Float64[np.ndarray, " crystals"]
    """Sum of the scores of the energy above the hull and of the largest force."""
    nature: Float64[np.ndarray, "crystals features"]
    """What choices shall not change: natural logarithm of the density in g/cm³, mean
    of the electronegativity of the atoms, in steps of
    `crystalgen.representation.periodic_table`, and share of oxygen."""


class Critic(nn.Module):
    """Tells energies, forces and densities of compositions on their positions.

    Args:
        config: Shape of the networks, with at least one layer of the critic.

    Attributes:
        slope: Cost that goes with `Verdict.nature`, of others and of metals.
    """

    slope: Float[Tensor, "kinds features"]
    multiplicity: Tensor
    places: Tensor

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width = config.critic_width
        self.template = TemplateEmbedding(config, width, 0)
        self.species = nn.Embedding(N_SPECIES, width)
        self.place = nn.Linear(len(element_places()[0]), width)
        nn.init.normal_(self.species.weight, std=0.3)
        self.share = nn.Linear(1, width)
        self.transformer = Transformer(
            width, config.heads, config.critic_layers, config.critic_dropout
        )
        self.out = mlp(width, width, len(TARGETS))
        self.register_buffer("slope", torch.zeros(2, N_FEATURES))
        self.register_buffer(
            "multiplicity", symmetry_tables().multiplicity, persistent=False
        )
        places = torch.from_numpy(element_places().copy()).float()
        self.register_buffer("places", places, persistent=False)

    def forward(
        self, templates: Templates, species: Int[Tensor, "crystals roles"]
    ) -> Float[Tensor, "crystals targets"]:
        """Scores of some crystals, see `scores_of`.

        Args:
            templates: Groups, positions and roles.
            species: Atomic number of each role; 0 is padding.
        """
        elements = species.gather(1, templates.role)
        share = self._shares(templates)[..., None]
        orbits = (
            self.template(templates)
            + self.species(elements)
            + self.place(self.places[elements])
            + self.share(share)
        )
        read = self.transformer(orbits, templates.present)
        return self.out((read * share).sum(dim=1))

    @torch.inference_mode()
    def judge(
        self, templates: Templates, species: Int[Tensor, "crystals roles"]
    ) -> Verdict:
        """What crystals will probably be like.

        Args:
            templates: Groups, positions and roles.
            species: Atomic number of each role; 0 is padding.
        """
        elements, shares = species.gather(1, templates.role), self._shares(templates)
        negativity = (self.places[elements][..., 0] * shares).sum(dim=1)
        oxygen = ((elements == OXYGEN) * shares).sum(dim=1)
        above, _, force, density = self(templates, species).T
        nature = torch.stack([density, negativity, oxygen], dim=1)
        return Verdict(
            (above + force).double().cpu().numpy(), nature.double().cpu().numpy()
        )

    def _shares(self, templates: Templates) -> Float[Tensor, "crystals orbits"]:
        """Share of the crystal's atoms that is on each orbit; 0 on padding."""
        atoms = self.multiplicity[templates.position] * templates.present
        return (atoms / atoms.sum(dim=1, keepdim=True)).float()

    def costs(
        self, verdict: Verdict, is_metal: Bool[np.ndarray, " crystals"]
    ) -> Float64[np.ndarray, " crystals"]:
        """Costs less what goes with their nature; of one prototype, lower is better.

        Args:
            verdict: What the critic thinks of some crystals.
            is_metal: Which are made of metals alone.
        """
        slope = self.slope.double().cpu().numpy()[is_metal.astype(np.int64)]
        return verdict.cost - (slope * verdict.nature).sum(axis=1)


def slopes(
    verdict: Verdict,
    is_metal: Bool[np.ndarray, " crystals"],
    prototype: Int[np.ndarray, " crystals"],
) -> Float64[np.ndarray, "kinds features"]:
    """How costs go with nature within a prototype, by least squares.

    Args:
        verdict: What the critic thinks of drawn crystals.
        is_metal: Which are made of metals alone.
        prototype: Number of the prototype of each.

    Returns:
        Of others and of metals; 0 where there is nothing to tell it from.
    """
    found = np.zeros((2, N_FEATURES))
    for kind in (0, 1):
        chosen = is_metal == bool(kind)
        if not chosen.any():
            continue
        _, group = np.unique(prototype[chosen], return_inverse=True)
        values = np.column_stack([verdict.nature[chosen], verdict.cost[chosen]])
        sums = np.zeros((group.max() + 1, values.shape[1]))
        np.add.at(sums, group, values)
        apart = values - (sums / np.bincount(group)[:, None])[group]
        found[kind] = np.linalg.lstsq(apart[:, :-1], apart[:, -1], rcond=None)[0]
    return found


def scores_of(
    properties: Mapping[str, Float64[np.ndarray, " crystals"]], n_crystals: int
) -> Float32[np.ndarray, "crystals targets"]:
    """Labels as numbers of order one, in which neither tail counts for much.

    Args:
        properties: Some of `TARGETS` by name, NaN where unknown; others do not matter.
        n_crystals: Crystals that they belong to.

    Returns:
        asinh of the energy above the hull, the formation energy as it is, and the
        natural logarithms of force and density; NaN where unknown.
    """
    unknown = np.full(n_crystals, math.nan)
    above, formation, force, density = (
        properties.get(name, unknown) for name in TARGETS
    )
    columns = [
        np.arcsinh(above / SMALL_ENERGY),
        formation,
        np.log(np.maximum(force, SMALL_FORCE)),
        np.log(density),
    ]
    return np.stack(columns, axis=1).astype(np.float32)
