"""The discrete-latent autoencoder: graph network in, codes between, crystal out."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn.functional import one_hot

from crystalgen.estimators.gumbel_softmax import Relaxation, draw
from crystalgen.model.batch import CrystalBatch, Templates
from crystalgen.model.codebook import Codebooks, Posterior
from crystalgen.model.conditions import GroupPrior
from crystalgen.model.config import ModelConfig
from crystalgen.model.critic import Critic
from crystalgen.model.decoder import (
    GeometryDecoder,
    GeometryPrediction,
    SpeciesDecoder,
)
from crystalgen.model.embedding import N_SPECIES
from crystalgen.model.noise import Noise
from crystalgen.model.prior import (
    GeometryPrior,
    SpeciesPrior,
    coded_first,
    take_orbits,
)
from crystalgen.model.property_heads import PropertyHeads, PropertyPrediction
from crystalgen.model.prototype_prior import PrototypePrior
from crystalgen.model.relaxer import Relaxer
from crystalgen.model.statistics import Statistics


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
    group_log_likelihood: Float[Tensor, " crystals"] | None = None
    """Of the space group under the conditions, where there can be any."""
    properties: PropertyPrediction | None = None


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
        if config.properties:
            self.group_prior = GroupPrior(len(config.properties), width)
        self.relaxer = (
            Relaxer(config.relaxer_width, config.relaxer_layers)
            if config.relaxer_layers
            else None
        )
        self.critic = Critic(config) if config.critic_layers else None

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
        if config.properties:
            self.property_heads = PropertyHeads(config)

    def encode(
        self, batch: CrystalBatch
    ) -> tuple[
        Float[Tensor, "crystals orbits channels"], Float[Tensor, "crystals channels"]
    ]:
        """Vectors of orbits and crystals."""
        return self.encoder(batch, self.generative.statistics.centres(batch.templates))

    def predict(self, batch: CrystalBatch) -> PropertyPrediction:
        """Standardised properties of crystals, by networks trained with some."""
        return self.property_heads(batch.templates, *self.encode(batch))

    def posteriors(
        self, batch: CrystalBatch, noise: Noise, code_temperature: float
    ) -> tuple[Posterior, Posterior, Posterior]:
        """Codes of roles, orbits and crystals as the encoder sees them."""
        return self._posteriors(batch, *self.encode(batch), noise, code_temperature)

    def _posteriors(
        self,
        batch: CrystalBatch,
        orbits: Float[Tensor, "crystals orbits channels"],
        crystals: Float[Tensor, "crystals channels"],
        noise: Noise,
        code_temperature: float,
    ) -> tuple[Posterior, Posterior, Posterior]:
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
        self,
        batch: CrystalBatch,
        noise: Noise,
        relaxations: Relaxations,
        conditions: Float[Tensor, "crystals properties"] | None = None,
    ) -> Pass:
        """Encode, draw codes, decode species, draw them, decode the geometry.

        Args:
            batch: The crystals.
            noise: Of every discrete draw.
            relaxations: How the draws are relaxed.
            conditions: Standardised properties that the priors are told, NaN where
                hidden; None for networks that know no properties.
        """
        generative, templates = self.generative, batch.templates
        n_roles = batch.species.shape[1]
        orbits, crystals = self.encode(batch)
        of_roles, of_orbits, of_crystals = self._posteriors(
            batch, orbits, crystals, noise, relaxations.code_temperature
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
        species_context = generative.species_prior.context(
            templates, n_roles, conditions
        )
        order, coded = coded_first(generative.coded_orbits(templates))
        true_species = one_hot(batch.species, N_SPECIES).to(logits.dtype)
        geometry_context = generative.geometry_prior.context(
            templates, true_species, order, conditions
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
                templates, conditions
            ),
            group_log_likelihood=None
            if conditions is None
            else generative.group_prior.log_likelihood(templates, conditions),
            properties=None
            if conditions is None
            else self.property_heads(templates, orbits, crystals),
        )
