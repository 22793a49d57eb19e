"""Noise of one pass over a batch: a value for every draw that the pass takes."""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from crystalgen.estimators.gumbel_softmax import gumbel_noise
from crystalgen.model.batch import CrystalBatch
from crystalgen.model.config import ModelConfig
from crystalgen.model.embedding import N_SPECIES


class Noise(NamedTuple):
    """Gumbel noise of every discrete draw in one pass; zeros make it deterministic.

    Noise too, though not Gumbel's: which crystals show the decoder no geometry codes.
    """

    species_codes: Float[Tensor, "crystals roles codes entries"]
    orbit_codes: Float[Tensor, "crystals orbits codes entries"]
    crystal_codes: Float[Tensor, "crystals codes entries"]
    species: Float[Tensor, "crystals roles species"]
    is_coded: Bool[Tensor, " crystals"]
    more_species: Float[Tensor, "samples crystals roles species"]
    """More of ``species``, for an estimator that averages over noise; often none."""


def draw_noise(
    config: ModelConfig,
    batch: CrystalBatch,
    generator: torch.Generator,
    *,
    hidden_share: float = 0.0,
    n_more: int = 0,
) -> Noise:
    """Noise for one pass over a batch.

    Args:
        config: Shape of the networks.
        batch: The crystals.
        generator: Source of the noise.
        hidden_share: Share of the crystals whose geometry codes are hidden.
        n_more: More samples of the species' noise.
    """
    n_crystals, n_orbits = batch.templates.position.shape
    n_roles = batch.species.shape[1]
    shapes = (
        (n_crystals, n_roles, *config.species_codes),
        (n_crystals, n_orbits, *config.geometry_codes),
        (n_crystals, *config.geometry_codes),
        (n_crystals, n_roles, N_SPECIES),
    )
    device = batch.species.device
    gumbel = (gumbel_noise(each, generator=generator, device=device) for each in shapes)
    luck = torch.rand(n_crystals, generator=generator, device=generator.device)
    of_draws = tuple(gumbel)
    # last, so that it leaves the other noise as it is
    more = gumbel_noise((n_more, *shapes[-1]), generator=generator, device=device)
    is_coded = (luck >= hidden_share).to(device)
    return Noise(*of_draws, is_coded=is_coded, more_species=more)


def no_noise(config: ModelConfig, batch: CrystalBatch) -> Noise:
    """Zeros: every draw takes the most probable category."""
    n_crystals, n_orbits = batch.templates.position.shape
    n_roles = batch.species.shape[1]
    zeros = batch.geometry.cell.new_zeros
    return Noise(
        zeros(n_crystals, n_roles, *config.species_codes),
        zeros(n_crystals, n_orbits, *config.geometry_codes),
        zeros(n_crystals, *config.geometry_codes),
        zeros(n_crystals, n_roles, N_SPECIES),
        is_coded=torch.ones_like(batch.templates.space_group, dtype=torch.bool),
        more_species=zeros(0, n_crystals, n_roles, N_SPECIES),
    )
