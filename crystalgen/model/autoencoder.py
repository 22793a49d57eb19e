"""The discrete-latent autoencoder: graph network in, codes between, crystal out."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn.functional import one_hot

from crystalgen.estimators.gumbel_softmax import Relaxation, draw, gumbel_noise
from crystalgen.model.batch import CrystalBatch, Templates
from crystalgen.model.codebook import Codebooks, Posterior
from crystalgen.model.config import ModelConfig
from crystalgen.model.decoder import (
    GeometryDecoder,
    GeometryPrediction,
    SpeciesDecoder,
)
from crystalgen.model.embedding import N_SPECIES
from crystalgen.model.prior import (
    GeometryPrior,
    PrototypePrior,
    SpeciesPrior,
    coded_first,
    take_orbits,
)
from crystalgen.model.statistics import Statistics


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Relaxations:
    """How the draws are relaxed.

    Attributes:
        code_temperature: Of the codes, > 0.
        species_temperature: Of the species, > 0.
        detach_species: Cut the gradient between geometry and species logits: the
            ablation that shows what the relaxation carries.
        species_relaxation: What the geometry decoder sees of the drawn species.
    """

    code_temperature: float
    species_temperature: float
    detach_species: bool = False
    species_relaxation: Relaxation = Relaxation.SOFT


class Pass(NamedTuple):
    """Everything one training pass computes."""

    species_posterior: Posterior
    orbit_posterior: Posterior
    crystal_posterior: Posterior
    species_prior: Float[Tensor, "crystals roles codes entries"]
    geometry_prior: Float[Tensor, "crystals tokens codes entries"]
    coded: Bool[Tensor, "crystals coded"]
    """Places of ``geometry_prior`` after the first that are filled."""
    order: Int[Tensor, "crystals coded"]
    species_logits: Float[Tensor, "crystals roles species"]
    geometry: GeometryPrediction
    template_log_likelihood: Float[Tensor, " crystals"]


class GenerativeNetworks(nn.Module):
    """Everything that generation needs: codebooks, decoders and priors, no PyG.

    Args:
        config: Shape of the networks.
        statistics: Counts of the training data.
    """

    def __init__(self, config: ModelConfig, statistics: Statistics) -> None:
        super().__init__()
        self.config = config
        self.statistics = statistics
        n_prototypes = statistics.n_embedded
        width, code_width = config.width, config.code_width
        self.species_codes = Codebooks(config.species_codes, code_width, width)
        self.orbit_codes = Codebooks(config.geometry_codes, code_width, width)
        self.crystal_codes = Codebooks(config.geometry_codes, code_width, width)
        self.species_decoder = SpeciesDecoder(config)
        self.geometry_decoder = GeometryDecoder(config, n_prototypes)
        self.species_prior = SpeciesPrior(config, n_prototypes)
        self.geometry_prior = GeometryPrior(config, n_prototypes)
        self.prototype_prior = PrototypePrior(config)

    def coded_orbits(self, templates: Templates) -> Bool[Tensor, "crystals orbits"]:
        """Orbits that have something to choose, and therefore codes."""
        return self.geometry_decoder.free_coords(templates).any(dim=-1)

    def decode_geometry(
        self,
        templates: Templates,
        species: Float[Tensor, "crystals roles species"],
        orbit_codes: Float[Tensor, "crystals orbits codes entries"],
        crystal_codes: Float[Tensor, "crystals codes entries"],
        is_coded: Bool[Tensor, " crystals"],
    ) -> GeometryPrediction:
        """Cell and coordinates from (relaxed) one-hot species and codes.

        Args:
            templates: Groups, positions and roles.
            species: Element of each role.
            orbit_codes: Geometry codes of each orbit.
            crystal_codes: Geometry codes of each crystal.
            is_coded: False for crystals whose geometry codes are not to be read: they
                get the most likely geometry of all.
        """
        coded = self.coded_orbits(templates) & is_coded[:, None]
        return self.geometry_decoder(
            templates,
            species,
            self.orbit_codes.embed(orbit_codes) * coded[..., None],
            self.crystal_codes.embed(crystal_codes) * is_coded[:, None],
            self.statistics.centres(templates),
        )


class CrystalAutoencoder(nn.Module):
    """Encoder, codes, decoders and priors, trained as one.

    Args:
        config: Shape of the networks.
        statistics: Counts of the training data.
    """

    def __init__(self, config: ModelConfig, statistics: Statistics) -> None:
        # imported here so that generation does not pay for torch-geometric
        from crystalgen.model.encoder import GraphEncoder

        super().__init__()
        self.encoder = GraphEncoder(config)
        self.generative = GenerativeNetworks(config, statistics)

    def posteriors(
        self, batch: CrystalBatch, noise: Noise, code_temperature: float
    ) -> tuple[Posterior, Posterior, Posterior]:
        """Codes of roles, orbits and crystals as the encoder sees them."""
        centre = self.generative.statistics.centres(batch.templates)
        orbits, crystals = self.encoder(batch, centre)
        n_roles = batch.species.shape[1]
        roles = batch.templates.membership(n_roles) @ orbits
        generative = self.generative
        return (
            generative.species_codes.posterior(
                roles, noise.species_codes, temperature=code_temperature
            ),
            generative.orbit_codes.posterior(
                orbits, noise.orbit_codes, temperature=code_temperature
            ),
            generative.crystal_codes.posterior(
                crystals, noise.crystal_codes, temperature=code_temperature
            ),
        )

    def forward(
        self, batch: CrystalBatch, noise: Noise, relaxations: Relaxations
    ) -> Pass:
        """Encode, draw codes, decode species, draw them, decode the geometry."""
        generative, templates = self.generative, batch.templates
        n_roles = batch.species.shape[1]
        of_roles, of_orbits, of_crystals = self.posteriors(
            batch, noise, relaxations.code_temperature
        )
        logits = generative.species_decoder(
            templates, generative.species_codes.embed(of_roles.sample)
        )
        species = draw(
            logits,
            noise.species,
            temperature=relaxations.species_temperature,
            relaxation=relaxations.species_relaxation,
            more_noise=noise.more_species,
        )
        if relaxations.detach_species:
            species = species.detach()
        geometry = generative.decode_geometry(
            templates, species, of_orbits.sample, of_crystals.sample, noise.is_coded
        )
        species_context = generative.species_prior.context(templates, n_roles)
        order, coded = coded_first(generative.coded_orbits(templates))
        true_species = one_hot(batch.species, N_SPECIES).to(logits.dtype)
        geometry_context = generative.geometry_prior.context(
            templates, true_species, order
        )
        drawn = torch.cat(
            [of_crystals.sample[:, None], take_orbits(of_orbits.sample, order)], dim=1
        )
        return Pass(
            species_posterior=of_roles,
            orbit_posterior=of_orbits,
            crystal_posterior=of_crystals,
            species_prior=generative.species_prior.codes(
                species_context, of_roles.sample.detach()
            ),
            geometry_prior=generative.geometry_prior.codes(
                geometry_context, drawn.detach()
            ),
            coded=coded,
            order=order,
            species_logits=logits,
            geometry=geometry,
            template_log_likelihood=generative.prototype_prior.log_likelihood(
                templates
            ),
        )


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
