"""How good a crystal will be, told from its elements on its positions alone.

A transformer reads the orbits of a crystal before it has a geometry, so that the best
of several compositions can be taken at the price of no geometry. Good are those near
the hull whose geometry will be near rest. It learns from crystals of known energies and
forces, real and drawn ones: see `crystalgen.training.teaching`.

It also tells the density, and knows what crystals usually are made of, so that choices
can keep to that (`crystalgen.generation.selection`).
"""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Float32, Float64, Int
from torch import Tensor, nn

from crystalgen.model.batch import Templates
from crystalgen.model.composition_features import n_features
from crystalgen.model.config import ModelConfig
from crystalgen.model.embedding import N_SPECIES, TemplateEmbedding
from crystalgen.model.layers import Transformer, mlp
from crystalgen.model.stability import N_COEFFICIENTS, SMALL_ENERGY
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
_PLACE = {name: place for place, name in enumerate(TARGETS)}
SMALL_FORCE = 0.02
"""eV/Å, below which crystals are at rest."""


class Verdict(NamedTuple):
    """What the critic thinks of some crystals."""

    scores: Float32[np.ndarray, "crystals targets"]
    """See `scores_of`."""

    @property
    def cost(self) -> Float64[np.ndarray, " crystals"]:
        """Sum of the scores of the energy above the hull and of the largest force."""
        above, force = (self.scores[:, _PLACE[name]] for name in (ABOVE_HULL, FORCE))
        return (above + force).astype(np.float64)

    @property
    def log_density(self) -> Float64[np.ndarray, " crystals"]:
        """Natural logarithm of the density in g/cm³."""
        return self.scores[:, _PLACE[DENSITY]].astype(np.float64)


class Critic(nn.Module):
    """Tells energies, forces and densities of compositions on their positions.

    Args:
        config: Shape of the networks, with at least one layer of the critic.
    """

    multiplicity: Tensor
    places: Tensor
    usual_features: Float[Tensor, " features"]
    """Means of `crystalgen.model.composition_features.features_of` over the crystals
    that the weights were trained on; NaN if it was not told."""
    stability: Float[Tensor, " coefficients"]
    """See `crystalgen.model.stability`; NaN if not calibrated."""

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
        self.register_buffer(
            "multiplicity", symmetry_tables().multiplicity, persistent=False
        )
        places = torch.from_numpy(element_places().copy()).float()
        self.register_buffer("places", places, persistent=False)
        unknown = torch.full((n_features(),), math.nan)
        self.register_buffer("usual_features", unknown)
        uncalibrated = torch.full((N_COEFFICIENTS,), math.nan)
        self.register_buffer("stability", uncalibrated)
        self.register_load_state_dict_pre_hook(_allow_earlier)

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
        return Verdict(self(templates, species).cpu().numpy())

    def _shares(self, templates: Templates) -> Float[Tensor, "crystals orbits"]:
        """Share of the crystal's atoms that is on each orbit; 0 on padding."""
        atoms = self.multiplicity[templates.position] * templates.present
        return (atoms / atoms.sum(dim=1, keepdim=True)).float()


def _allow_earlier(
    critic: Critic, state: dict[str, Any], prefix: str, *_: object
) -> None:
    """Let critics that were taught by earlier versions know less."""
    state.setdefault(f"{prefix}usual_features", critic.usual_features)
    state.setdefault(f"{prefix}stability", critic.stability)


def targets_of(
    scores: Float32[np.ndarray, "crystals targets"],
) -> dict[str, Float64[np.ndarray, " crystals"]]:
    """What scores mean, by the names of `TARGETS`: the inverse of `scores_of`."""
    above, formation, force, density = scores.T.astype(np.float64)
    values = (np.sinh(above) * SMALL_ENERGY, formation, np.exp(force), np.exp(density))
    return dict(zip(TARGETS, values, strict=True))


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
