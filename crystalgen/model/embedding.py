"""Vectors for what is known of an orbit before any code is read."""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from crystalgen.model.batch import Geometry, Templates
from crystalgen.model.cell import N_FEATURES
from crystalgen.model.centres import Centre
from crystalgen.model.config import ModelConfig
from crystalgen.model.layers import mlp
from crystalgen.model.tables import N_GROUPS, symmetry_tables

N_SPECIES = 119
"""Atomic numbers 1 to 118; 0 is padding."""
HARMONICS = (1, 2, 3, 4, 6, 8)
"""Frequencies at which a fractional coordinate is read; 3, 4 and 6 are those of
special positions."""
MAGNIFICATIONS = (2.0, 10.0, 50.0)
"""Factors at which differences are read."""


class TemplateEmbedding(nn.Module):
    """Vectors of orbits from group, Wyckoff position, role and prototype.

    Args:
        config: Shape of the networks.
        width: Channels of the vectors.
        n_prototypes: Known prototypes; 0 to leave prototypes out.
    """

    multiplicity: Tensor
    coords_free: Tensor

    def __init__(self, config: ModelConfig, width: int, n_prototypes: int) -> None:
        super().__init__()
        tables = symmetry_tables()
        n_positions = len(tables.multiplicity)
        self.group = nn.Embedding(N_GROUPS + 1, width)
        self.position = nn.Embedding(n_positions, config.position_width)
        self.position_out = nn.Linear(config.position_width, width, bias=False)
        self.role = nn.Embedding(config.max_roles, width)
        self.order = nn.Embedding(config.max_orbits, width)
        self.facts = nn.Linear(4, width)
        for table in (self.group, self.role, self.order):
            nn.init.normal_(table.weight, std=0.3)
        self.n_prototypes = n_prototypes
        if n_prototypes:
            self.prototype = nn.Embedding(n_prototypes + 1, config.prototype_width)
            self.prototype_out = nn.Linear(config.prototype_width, width, bias=False)
        self.register_buffer("multiplicity", tables.multiplicity, persistent=False)
        self.register_buffer("coords_free", tables.coords_free, persistent=False)

    def forward(
        self, templates: Templates, *, first_place: int = 0
    ) -> Float[Tensor, "crystals orbits channels"]:
        """Embed every orbit; padding gets some finite vector.

        Args:
            templates: Groups, positions and roles.
            first_place: Place of the first orbit given in its crystal.
        """
        n_orbits = templates.position.shape[1]
        order = torch.arange(
            first_place, first_place + n_orbits, device=templates.position.device
        )
        facts = torch.cat(
            [
                self.multiplicity[templates.position].clamp(min=1).log()[..., None],
                self.coords_free[templates.position].float(),
            ],
            dim=-1,
        )
        orbit = (
            self.of_position(templates.position)
            + self.role(templates.role)
            + self.order(order)
            + self.facts(facts)
        )
        return orbit + self.crystal(templates)[:, None]

    def of_position(
        self, position: Int[Tensor, "*orbits"]
    ) -> Float[Tensor, "*orbits channels"]:
        """Embed Wyckoff positions alone."""
        return self.position_out(self.position(position))

    def crystal(self, templates: Templates) -> Float[Tensor, "crystals channels"]:
        """Embed what is known of the whole crystal: its group and prototype."""
        known = self.group(templates.space_group)
        if not self.n_prototypes:
            return known
        is_known = (templates.prototype > 0)[:, None]
        learnt = self.prototype_out(self.prototype(templates.prototype))
        return known + learnt * is_known


class CoordinateFeatures(nn.Module):
    """Free coordinates read at several frequencies; fixed ones read as zero."""

    harmonics: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.register_buffer(
            "harmonics", torch.tensor(HARMONICS).float(), persistent=False
        )
        self.out = mlp(3 * 2 * len(HARMONICS), width, width)

    def forward(
        self,
        coords: Float[Tensor, "crystals orbits 3"],
        free: Float[Tensor, "crystals orbits 3"],
    ) -> Float[Tensor, "crystals orbits channels"]:
        """Embed coordinates, periodic in the cell edges."""
        phase = 2 * math.pi * coords[..., None] * self.harmonics
        waves = torch.cat([phase.sin(), phase.cos()], dim=-1) * free[..., None]
        return self.out(waves.flatten(-2))


class CentreFeatures(nn.Module):
    """What the usual geometry of a prototype says of an orbit."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.coords = CoordinateFeatures(width)
        self.rest = nn.Linear(4 + 2 * N_FEATURES, width)

    def forward(
        self, centre: Centre, free: Float[Tensor, "crystals orbits 3"]
    ) -> Float[Tensor, "crystals orbits channels"]:
        """Embed mean coordinates, their sharpness and the mean cell."""
        known = centre.is_known[:, None].float()
        n_orbits = centre.coords.shape[1]
        whole = torch.cat([centre.cell, centre.cell_spread, known], dim=1)
        rest = torch.cat(
            [centre.sharpness, whole[:, None].expand(-1, n_orbits, -1)], dim=-1
        )
        shown = free * known[..., None]
        return self.coords(centre.coords, shown) + self.rest(rest)


class Residuals(nn.Module):
    """How a crystal differs from the usual geometry of its prototype."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.coords = nn.Linear(3 * len(MAGNIFICATIONS), width)
        self.cell = nn.Linear(N_FEATURES * len(MAGNIFICATIONS), width)

    def forward(
        self,
        geometry: Geometry,
        centre: Centre,
        free: Float[Tensor, "crystals orbits 3"],
    ) -> Float[Tensor, "crystals orbits channels"]:
        """Embed the differences, small ones magnified; zero without a centre."""
        known = centre.is_known[:, None, None].float()
        offset = geometry.coords - centre.coords
        wrapped = (offset - offset.round()) * free * known
        deformed = (geometry.cell - centre.cell) * known[:, 0]
        deformed = deformed * (torch.arange(N_FEATURES, device=known.device) > 0)
        return (
            self.coords(_magnified(wrapped)) + self.cell(_magnified(deformed))[:, None]
        )


def _magnified(
    difference: Float[Tensor, "*batch values"],
) -> Float[Tensor, "*batch magnified"]:
    return torch.cat([torch.tanh(m * difference) for m in MAGNIFICATIONS], dim=-1)
