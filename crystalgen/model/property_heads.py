"""Properties of a whole crystal, predicted from what the encoder read."""

import math
from typing import NamedTuple

from jaxtyping import Bool, Float
from torch import Tensor, nn

from crystalgen.model.batch import Templates
from crystalgen.model.config import ModelConfig
from crystalgen.model.layers import mlp
from crystalgen.model.tables import symmetry_tables

SMALLEST_SCALE = 0.02
"""Of a prediction, in standard deviations: many crystals have a band gap of exactly
zero, on which a density could otherwise grow without bound."""


class PropertyPrediction(NamedTuple):
    """A Laplace distribution for each property, in standardised units."""

    location: Float[Tensor, "crystals properties"]
    scale: Float[Tensor, "crystals properties"]

    def negative_log_likelihood(
        self, values: Float[Tensor, "crystals properties"]
    ) -> tuple[
        Float[Tensor, "crystals properties"], Bool[Tensor, "crystals properties"]
    ]:
        """Nats for each label, zero where there is none, and where there is one.

        Args:
            values: Standardised labels, NaN where unknown.
        """
        is_known = ~values.isnan()
        error = (values.nan_to_num(nan=0.0) - self.location).abs()
        nats = error / self.scale + (2 * self.scale).log()
        return nats * is_known, is_known


class PropertyHeads(nn.Module):
    """Location and scale of every property.

    The sum of what the crystal says and the mean of what its atoms say, as most
    properties are energies per atom or nearly so.

    Args:
        config: Shape of the networks, with at least one property.
    """

    multiplicity: Tensor

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width, n_properties = config.width, len(config.properties)
        self.orbits = mlp(width, width, width)
        self.crystal = nn.Linear(width, width)
        self.out = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, width),
            nn.GELU(),
            nn.Linear(width, 2 * n_properties),
        )
        self.register_buffer(
            "multiplicity", symmetry_tables().multiplicity, persistent=False
        )

    def forward(
        self,
        templates: Templates,
        orbits: Float[Tensor, "crystals orbits channels"],
        crystals: Float[Tensor, "crystals channels"],
    ) -> PropertyPrediction:
        """Predict from the encoder's vectors."""
        atoms = self.multiplicity[templates.position] * templates.present
        share = (atoms / atoms.sum(dim=1, keepdim=True)).to(orbits.dtype)
        mean = (self.orbits(orbits) * share[..., None]).sum(dim=1)
        read = self.out(mean + self.crystal(crystals))
        location, width = read.chunk(2, dim=-1)
        # starts as wide as the labels are
        scale = nn.functional.softplus(width + math.log(math.e - 1))
        return PropertyPrediction(location, SMALLEST_SCALE + scale)
