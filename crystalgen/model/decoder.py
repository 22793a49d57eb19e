"""From codes to a crystal: species first, then the cell and free coordinates.

Both decoders are transformers over the orbits. The species decoder gives logits per
role; a Gumbel-Softmax draw from them, soft in training and hard in generation, is what
the geometry decoder reads, so every gradient of the geometry reaches the species.
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from crystalgen.model.batch import Geometry, Templates
from crystalgen.model.cell import N_FEATURES
from crystalgen.model.centres import Centre
from crystalgen.model.config import ModelConfig
from crystalgen.model.embedding import (
    N_SPECIES,
    CentreFeatures,
    TemplateEmbedding,
)
from crystalgen.model.layers import Transformer, mlp
from crystalgen.model.likelihoods import (
    LOG_CONCENTRATION_RANGE,
    SCALE_RANGE,
    laplace_log_likelihood,
    mixture_log_likelihood,
    mixture_mode,
    squash,
)
from crystalgen.model.tables import symmetry_tables

MAX_LOG_VOLUME_SHIFT = 1.5
"""A cell may differ from the sum of its atoms' volumes by a factor e^1.5."""
MAX_LOG_RATIO = 3.0
"""An edge may be at most e^3 times another."""
INITIAL_ATOMIC_VOLUME = 18.0
"""Å^3; where the learned volumes of the elements start."""


class SpeciesDecoder(nn.Module):
    """Logits of the element of each role, from the template and species codes."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.template = TemplateEmbedding(config, config.width, n_prototypes=0)
        self.transformer = Transformer(
            config.width, config.heads, config.species_layers
        )
        self.logits = mlp(2 * config.width, config.width, N_SPECIES)

    def forward(
        self,
        templates: Templates,
        role_codes: Float[Tensor, "crystals roles channels"],
    ) -> Float[Tensor, "crystals roles species"]:
        """Logits over atomic numbers; the padding element is never likely.

        Args:
            templates: Groups, positions and roles.
            role_codes: Embedded species codes of each role.
        """
        n_roles = role_codes.shape[1]
        index = templates.role[..., None].expand(-1, -1, role_codes.shape[2])
        orbits = self.template(templates) + role_codes.gather(1, index)
        read = self.transformer(orbits, templates.present)
        pooled = templates.membership(n_roles) @ read
        logits = self.logits(torch.cat([pooled, role_codes], dim=-1))
        impossible = torch.zeros(N_SPECIES, dtype=torch.bool, device=logits.device)
        impossible[0] = True
        return logits.masked_fill(impossible, -30.0)


class GeometryPrediction(NamedTuple):
    """Distributions of the continuous part of each crystal."""

    cell_location: Float[Tensor, "crystals 6"]
    cell_scale: Float[Tensor, "crystals 6"]
    coords_location: Float[Tensor, "crystals orbits 3 components"]
    coords_log_concentration: Float[Tensor, "crystals orbits 3 components"]
    coords_log_weight: Float[Tensor, "crystals orbits 3 components"]


class GeometryDecoder(nn.Module):
    """Distributions of cell and free coordinates, from template, species and codes."""

    multiplicity: Tensor
    coords_free: Tensor
    polar: Tensor
    cell_free: Tensor
    cell_fixed: Tensor

    def __init__(self, config: ModelConfig, n_prototypes: int) -> None:
        super().__init__()
        width = config.width
        self.n_components = config.mixture_components
        self.template = TemplateEmbedding(config, width, n_prototypes)
        self.species = nn.Linear(N_SPECIES, width, bias=False)
        self.centre = CentreFeatures(width)
        self.log_volume = nn.Parameter(
            torch.full((N_SPECIES,), INITIAL_ATOMIC_VOLUME).log()
        )
        self.transformer = Transformer(width, config.heads, config.geometry_layers)
        self.coords = mlp(width, width, 3 * 3 * self.n_components)
        self.cell = mlp(width, width, 2 * N_FEATURES)
        tables = symmetry_tables()
        for name in ("multiplicity", "coords_free", "polar", "cell_free", "cell_fixed"):
            self.register_buffer(name, getattr(tables, name), persistent=False)

    def forward(
        self,
        templates: Templates,
        species: Float[Tensor, "crystals roles species"],
        orbit_codes: Float[Tensor, "crystals orbits channels"],
        crystal_codes: Float[Tensor, "crystals channels"],
        centre: Centre,
    ) -> GeometryPrediction:
        """Predict cell and coordinates.

        Args:
            templates: Groups, positions and roles.
            species: One-hot or relaxed element of each role.
            orbit_codes: Embedded geometry codes of each orbit.
            crystal_codes: Embedded codes of the whole crystal.
            centre: The usual geometry of their prototypes, where predictions start.
        """
        index = templates.role[..., None].expand(-1, -1, N_SPECIES)
        of_orbit = species.gather(1, index)
        free = self.coords_free[templates.position].float()
        orbits = (
            self.template(templates)
            + self.species(of_orbit)
            + self.centre(centre, free)
            + orbit_codes
        )
        whole = self.template.crystal(templates) + crystal_codes
        tokens = torch.cat([whole[:, None], orbits], dim=1)
        present = nn.functional.pad(templates.present, (1, 0), value=True)
        read = self.transformer(tokens, present)
        return self._distributions(templates, of_orbit, read, centre)

    def free_coords(self, templates: Templates) -> Bool[Tensor, "crystals orbits 3"]:
        """Coordinates to choose: those a position uses, less the polar origin.

        Along a polar axis the origin is arbitrary; it is put on the first orbit.
        """
        free = self.coords_free[templates.position].clone()
        free[:, 0] &= ~self.polar[templates.space_group]
        return free

    def n_atoms(self, templates: Templates) -> Float[Tensor, " crystals"]:
        """Atoms in the conventional cells."""
        return self.multiplicity[templates.position].sum(dim=1).float()

    def additive_volume(
        self,
        templates: Templates,
        species: Float[Tensor, "crystals orbits species"],
    ) -> Float[Tensor, " crystals"]:
        """Mean of the learned volumes of the atoms in a cell, in Å^3 per atom."""
        count = self.multiplicity[templates.position]
        volume = species @ self.log_volume.exp()
        return (count * volume).sum(dim=1) / count.sum(dim=1).clamp(min=1)

    def _distributions(
        self,
        templates: Templates,
        species: Float[Tensor, "crystals orbits species"],
        read: Float[Tensor, "crystals tokens channels"],
        centre: Centre,
    ) -> GeometryPrediction:
        raw_location, raw_scale = self.cell(read[:, 0]).chunk(2, dim=-1)
        shift = MAX_LOG_VOLUME_SHIFT * torch.tanh(raw_location[:, :1])
        log_volume = self.additive_volume(templates, species).log()[:, None] + shift
        usual = centre.cell[:, 1:]
        ratios = MAX_LOG_RATIO * torch.tanh(raw_location[:, 1:3] / MAX_LOG_RATIO)
        cosines = torch.tanh(raw_location[:, 3:] + torch.atanh(usual[:, 2:] * 0.999))
        location = torch.cat([log_volume, usual[:, :2] + ratios, cosines], dim=1)
        group = templates.space_group
        location = torch.where(self.cell_free[group], location, self.cell_fixed[group])
        low, high = (torch.tensor(bound).log().item() for bound in SCALE_RANGE)
        scale = squash(raw_scale - 1.0, low, high).exp()
        raw = self.coords(read[:, 1:]).unflatten(-1, (3, 3, self.n_components))
        return GeometryPrediction(
            cell_location=location,
            cell_scale=scale,
            coords_location=centre.coords[..., None] + raw[..., 0, :],
            coords_log_concentration=squash(
                raw[..., 1, :] - 0.5, *LOG_CONCENTRATION_RANGE
            ),
            coords_log_weight=raw[..., 2, :].log_softmax(dim=-1),
        )


def most_likely(
    prediction: GeometryPrediction, free: Bool[Tensor, "crystals orbits 3"]
) -> Geometry:
    """The mode of the predicted distributions; coordinates not free are zero."""
    coords = mixture_mode(
        prediction.coords_location,
        prediction.coords_log_concentration,
        prediction.coords_log_weight,
    )
    return Geometry(coords=coords * free, cell=prediction.cell_location)


def cell_log_likelihood(
    prediction: GeometryPrediction,
    cell: Float[Tensor, "crystals 6"],
    free: Bool[Tensor, "crystals 6"],
) -> Float[Tensor, " crystals"]:
    """Log-density of the free lattice features."""
    each = laplace_log_likelihood(cell, prediction.cell_location, prediction.cell_scale)
    return torch.where(free, each, 0.0).sum(dim=1)


def coords_log_likelihood(
    prediction: GeometryPrediction,
    coords: Float[Tensor, "crystals orbits 3"],
    free: Bool[Tensor, "crystals orbits 3"],
) -> Float[Tensor, " crystals"]:
    """Log-density of the free coordinates."""
    each = mixture_log_likelihood(
        coords,
        prediction.coords_location,
        prediction.coords_log_concentration,
        prediction.coords_log_weight,
    )
    return torch.where(free, each, 0.0).sum(dim=(1, 2))
