"""What the autoencoder is trained for.

    -log p(species | codes) - log p(cell, coordinates | codes, species)
        + β KL(q(codes | x) ‖ p(codes | template, species)) - log p(template)

The prior learns from all of the divergence whatever β, which only says how much the
encoder gives way to it. β starts at 0, because codes that cost something before the
decoder can use them are abandoned for good.

All with relaxed draws of codes and species (Kingma and Welling, 2014, arXiv:1312.6114;
Jang et al., 2017, arXiv:1611.01144). All terms are nats per crystal.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from crystalgen.estimators.gumbel_rao import N_SAMPLES
from crystalgen.estimators.gumbel_softmax import Relaxation
from crystalgen.estimators.schedules import TemperatureSchedule, temperature
from crystalgen.model.autoencoder import (
    CrystalAutoencoder,
    Pass,
    Relaxations,
)
from crystalgen.model.batch import CrystalBatch
from crystalgen.model.collate import Examples, collate
from crystalgen.model.decoder import cell_log_likelihood, coords_log_likelihood
from crystalgen.model.noise import draw_noise
from crystalgen.training.balance import balance
from crystalgen.training.hiding import hide_prototypes, shown_properties
from crystalgen.training.problem import Losses
from crystalgen.training.property_loss import with_properties
from crystalgen.training.rates import (
    detach_posteriors,
    detach_priors,
    rates,
    unevenness,
    usage,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectiveConfig:
    """Weights and schedules of the loss.

    Raises:
        ValueError: A weight is negative.
    """

    code_temperature: TemperatureSchedule = field(
        default_factory=lambda: TemperatureSchedule(start=1.0, end=0.4)
    )
    """Temperature of the codes' relaxation."""
    species_temperature: TemperatureSchedule = field(
        default_factory=lambda: TemperatureSchedule(start=1.0, end=0.2)
    )
    """Temperature of the species' relaxation."""
    species_relaxation: Relaxation = Relaxation.SOFT
    """Whether the geometry decoder sees relaxed species or one-hot ones, and how
    gradients pass through the draw."""
    detach_species: bool = False
    """Keep gradients of the geometry from the species logits; for ablations."""
    rate_weight: float = 0.07
    """β: weight of the codes' divergence from their prior."""
    rate_start: float = 0.2
    """Share of the run before which β is 0."""
    rate_warmup: float = 0.3
    """Share of the run over which β then grows to its weight."""
    free_bits: float = 0.5
    """Divergence per code (nats) that costs nothing, so that no code collapses."""

    usage_weight: float = 0.1
    """Weight of what each codebook lacks of being used evenly (nats)."""
    balance_weight: float = 3.0
    """Weight of drawn compositions whose charges do not balance."""
    balance_start: float = 0.3
    """Share of the run before which no composition is drawn."""
    property_weight: float = 0.3
    """Weight of the predicted properties (nats), where the model knows any."""

    def __post_init__(self) -> None:
        for name in (
            "rate_weight",
            "rate_start",
            "rate_warmup",
            "free_bits",
            "usage_weight",
            "balance_weight",
            "balance_start",
            "property_weight",
        ):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must be >= 0, got {getattr(self, name)}")

    def beta(self, progress: float) -> float:
        """Weight of the rate at a share of the run, in [0, 1]."""
        if progress <= self.rate_start:
            return 0.0
        grown = (progress - self.rate_start) / max(self.rate_warmup, 1e-9)
        return self.rate_weight * min(1.0, grown)


@dataclass(frozen=True, slots=True, kw_only=True)
class AutoencoderProblem:
    """Crystals and the loss of the autoencoder on them, for the training loop.

    Attributes:
        examples: The crystals.
        config: Weights and schedules.
    """

    examples: Examples
    config: ObjectiveConfig

    @property
    def n_orbits(self) -> Int[np.ndarray, " crystals"]:
        """Orbits of each crystal."""
        return np.diff(self.examples.crystals.orbit_offsets)

    @property
    def identifiers(self) -> Sequence[str]:
        """Names of the crystals."""
        return self.examples.crystals.identifiers

    def collate(
        self, indices: Int[np.ndarray, " batch"], device: torch.device
    ) -> CrystalBatch:
        """Put some crystals into one batch on a device."""
        return collate(self.examples, indices).to(device)

    def loss_of(
        self,
        model: nn.Module,
        batch: CrystalBatch,
        *,
        progress: float,
        generator: torch.Generator,
    ) -> Losses:
        """Losses of one batch."""
        networks = _unwrapped(model).generative
        if model.training:
            batch = hide_prototypes(
                batch,
                networks.statistics.centres,
                networks.config.prototype_dropout,
                generator,
            )
        relaxations = Relaxations(
            code_temperature=temperature(self.config.code_temperature, progress),
            species_temperature=temperature(self.config.species_temperature, progress),
            species_relaxation=self.config.species_relaxation,
            detach_species=self.config.detach_species,
        )
        is_averaged = self.config.species_relaxation is Relaxation.GUMBEL_RAO
        noise = draw_noise(
            networks.config,
            batch,
            generator,
            hidden_share=networks.config.geometry_dropout if model.training else 0.0,
            n_more=N_SAMPLES - 1 if is_averaged else 0,
        )
        conditions = shown_properties(
            networks, batch, generator, is_training=model.training
        )
        outcome: Pass = model(batch, noise, relaxations, conditions)
        losses = autoencoder_losses(
            _unwrapped(model),
            batch,
            outcome,
            beta=self.config.beta(progress),
            free_bits=self.config.free_bits,
            usage_weight=self.config.usage_weight,
        )
        if conditions is not None:
            losses = with_properties(
                losses, networks, batch, outcome, weight=self.config.property_weight
            )
        weight = self.config.balance_weight
        if not (model.training and weight and progress >= self.config.balance_start):
            return losses
        drawn = balance(networks, batch.templates, generator, conditions)
        return Losses(
            total=losses.total + weight * drawn.loss,
            n_crystals=losses.n_crystals,
            parts={**losses.parts, "balanced": drawn.share},
        )


def autoencoder_losses(
    model: CrystalAutoencoder,
    batch: CrystalBatch,
    outcome: Pass,
    *,
    beta: float,
    free_bits: float,
    usage_weight: float,
) -> Losses:
    """Sum up the terms of the loss for one pass.

    Args:
        model: Whose tables of free coordinates are used.
        batch: What was passed.
        outcome: What came out.
        beta: Weight of the rate.
        free_bits: Divergence per code that is not counted, in nats.
        usage_weight: Weight of uneven use of the codebooks.
    """
    networks, templates = model.generative, batch.templates
    n_crystals = len(batch)
    n_roles = batch.species.shape[1]
    has_role = templates.role_present(n_roles)
    wrong = cross_entropy(
        outcome.species_logits.flatten(0, 1),
        batch.species.flatten(),
        reduction="none",
    ).unflatten(0, batch.species.shape)
    species = (wrong * has_role).sum() / n_crystals
    decoder = networks.geometry_decoder
    free = decoder.free_coords(templates)
    coords = coords_log_likelihood(outcome.geometry, batch.geometry.coords, free)
    cell = cell_log_likelihood(
        outcome.geometry, batch.geometry.cell, decoder.cell_free[templates.space_group]
    )
    geometry = -(coords.mean() + cell.mean())
    prior = sum(rate.sum() for rate in rates(detach_posteriors(outcome), has_role))
    species_rate, geometry_rate = rates(detach_priors(outcome), has_role)
    charged = (
        species_rate.clamp(min=free_bits).sum()
        + geometry_rate.clamp(min=free_bits).sum()
    )
    coded = networks.coded_orbits(templates)
    unused = (
        unevenness(outcome.species_posterior, has_role)
        + unevenness(outcome.orbit_posterior, coded)
        + unevenness(outcome.crystal_posterior, torch.ones_like(has_role[:, 0]))
    )
    template = -outcome.template_log_likelihood.mean()
    hit = outcome.species_logits.argmax(dim=-1) == batch.species
    return Losses(
        total=species
        + geometry
        + prior
        + beta * charged
        + usage_weight * unused
        + template,
        n_crystals=n_crystals,
        parts={
            "species_nll": species.detach(),
            "species_accuracy": (hit & has_role).sum() / has_role.sum(),
            "coords_nll": -coords.detach().mean(),
            "cell_nll": -cell.detach().mean(),
            "species_rate": species_rate.detach().sum(),
            "geometry_rate": geometry_rate.detach().sum(),
            **_numbered("species_kl", species_rate.detach()),
            **_numbered("geometry_kl", geometry_rate.detach()),
            "template_nll": template.detach(),
            "species_code_usage": usage(outcome.species_posterior.sample, has_role),
            "orbit_code_usage": usage(outcome.orbit_posterior.sample, coded),
            "crystal_code_usage": usage(
                outcome.crystal_posterior.sample, torch.ones_like(has_role[:, 0])
            ),
        },
    )


def _numbered(
    name: str, values: Float[Tensor, " codes"]
) -> dict[str, Float[Tensor, ""]]:
    return {f"{name}_{code}": value for code, value in enumerate(values)}


def _unwrapped(model: nn.Module) -> CrystalAutoencoder:
    """The autoencoder inside a wrapper for distributed training."""
    inner = getattr(model, "module", model)
    if not isinstance(inner, CrystalAutoencoder):
        raise TypeError(f"expected a CrystalAutoencoder, got {type(inner).__name__}")
    return inner
