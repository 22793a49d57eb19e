"""What the autoencoder is trained for.

    -log p(species | codes) - log p(cell, coordinates | codes, species)
        + β KL(q(codes | x) ‖ p(codes | template, species)) - log p(template)

The prior learns from all of the divergence whatever β, which only says how much the
encoder gives way to it. β starts at 0, because codes that cost something before the
decoder can use them are abandoned for good.

All with relaxed draws of codes and species (Kingma and Welling, 2014, arXiv:1312.6114;
Jang et al., 2017, arXiv:1611.01144). All terms are nats per crystal. Properties and the
relaxer, where the model has them, are learnt along.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Int
from torch import nn

from crystalgen.estimators.gumbel_rao import N_SAMPLES
from crystalgen.estimators.gumbel_softmax import Relaxation
from crystalgen.estimators.schedules import TemperatureSchedule, temperature
from crystalgen.model.autoencoder import CrystalAutoencoder, Pass, Relaxations
from crystalgen.model.batch import CrystalBatch
from crystalgen.model.collate import Examples, collate
from crystalgen.model.noise import draw_noise
from crystalgen.training.autoencoder_loss import autoencoder_losses
from crystalgen.training.balance import balance
from crystalgen.training.denoising import with_denoising
from crystalgen.training.hiding import hide_prototypes, shown_properties
from crystalgen.training.problem import Losses
from crystalgen.training.property_loss import with_properties


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
    relaxation_weight: float = 10.0
    """Weight of what the relaxer leaves of errors (about Å)."""

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
            "relaxation_weight",
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
        networks = autoencoder_in(model).generative
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
            autoencoder_in(model),
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
        losses = with_denoising(
            losses,
            networks,
            batch,
            outcome,
            generator,
            weight=self.config.relaxation_weight,
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


def autoencoder_in(model: nn.Module) -> CrystalAutoencoder:
    """The autoencoder inside a wrapper for distributed training."""
    inner = getattr(model, "module", model)
    if not isinstance(inner, CrystalAutoencoder):
        raise TypeError(f"expected a CrystalAutoencoder, got {type(inner).__name__}")
    return inner
