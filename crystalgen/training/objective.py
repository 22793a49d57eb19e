"""What the autoencoder is trained for.

    -log p(species | codes) - log p(cell, coordinates | codes, species)
        + β KL(q(codes | x) ‖ p(codes | template, species)) - log p(template)

with relaxed draws of codes and species (Kingma and Welling, 2014, arXiv:1312.6114;
Jang et al., 2017, arXiv:1611.01144). All terms are nats per crystal.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from crystalgen.estimators.schedules import TemperatureSchedule, temperature
from crystalgen.model.autoencoder import (
    CrystalAutoencoder,
    Pass,
    Relaxations,
    draw_noise,
)
from crystalgen.model.batch import CrystalBatch, Templates
from crystalgen.model.collate import Examples, collate
from crystalgen.model.decoder import cell_log_likelihood, coords_log_likelihood
from crystalgen.training.problem import Losses


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
    rate_weight: float = 0.3
    """β: weight of the codes' divergence from their prior."""
    rate_warmup: float = 0.15
    """Share of the run over which β grows from 0."""
    free_bits: float = 0.05
    """Divergence per code (nats) that costs nothing, so that no code collapses."""

    def __post_init__(self) -> None:
        for name in ("rate_weight", "rate_warmup", "free_bits"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must be >= 0, got {getattr(self, name)}")


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
            batch = _hide_prototypes(
                batch, networks.config.prototype_dropout, generator
            )
        relaxations = Relaxations(
            code_temperature=temperature(self.config.code_temperature, progress),
            species_temperature=temperature(self.config.species_temperature, progress),
        )
        noise = draw_noise(networks.config, batch, generator)
        outcome: Pass = model(batch, noise, relaxations)
        beta = self.config.rate_weight
        if self.config.rate_warmup > 0:
            beta *= min(1.0, progress / self.config.rate_warmup)
        return autoencoder_losses(
            _unwrapped(model),
            batch,
            outcome,
            beta=beta,
            free_bits=self.config.free_bits,
        )


def autoencoder_losses(
    model: CrystalAutoencoder,
    batch: CrystalBatch,
    outcome: Pass,
    *,
    beta: float,
    free_bits: float,
) -> Losses:
    """Sum up the terms of the loss for one pass.

    Args:
        model: Whose tables of free coordinates are used.
        batch: What was passed.
        outcome: What came out.
        beta: Weight of the rate.
        free_bits: Divergence per code that is not counted, in nats.
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
    species_rate, geometry_rate = rates(outcome, has_role)
    charged = (
        species_rate.clamp(min=free_bits).sum()
        + geometry_rate.clamp(min=free_bits).sum()
    )
    template = -outcome.template_log_likelihood.mean()
    hit = outcome.species_logits.argmax(dim=-1) == batch.species
    return Losses(
        total=species + geometry + beta * charged + template,
        n_crystals=n_crystals,
        parts={
            "species_nll": species.detach(),
            "species_accuracy": (hit & has_role).sum() / has_role.sum(),
            "coords_nll": -coords.detach().mean(),
            "cell_nll": -cell.detach().mean(),
            "species_rate": species_rate.detach().sum(),
            "geometry_rate": geometry_rate.detach().sum(),
            "template_nll": template.detach(),
            "species_code_usage": usage(outcome.species_posterior.sample, has_role),
            "orbit_code_usage": usage(
                outcome.orbit_posterior.sample, networks.coded_orbits(templates)
            ),
            "crystal_code_usage": usage(
                outcome.crystal_posterior.sample, torch.ones_like(has_role[:, 0])
            ),
        },
    )


def rates(
    outcome: Pass, has_role: Bool[Tensor, "crystals roles"]
) -> tuple[Float[Tensor, " codes"], Float[Tensor, " geometry_codes"]]:
    """Divergence of each code from its prior, nats per crystal.

    Returns:
        Species codes; codes of the crystal and of its orbits together.
    """
    order = outcome.order[..., None, None].expand(
        -1, -1, *outcome.orbit_posterior.log_probabilities.shape[2:]
    )
    of_orbits = outcome.orbit_posterior.log_probabilities.gather(1, order)
    of_crystals = outcome.crystal_posterior.log_probabilities[:, None]
    geometry = torch.cat([of_crystals, of_orbits], dim=1)
    filled = nn.functional.pad(outcome.coded, (1, 0), value=True)
    return (
        _divergence(
            outcome.species_posterior.log_probabilities, outcome.species_prior, has_role
        ),
        _divergence(geometry, outcome.geometry_prior, filled),
    )


def _divergence(
    log_q: Float[Tensor, "crystals tokens codes entries"],
    log_p: Float[Tensor, "crystals tokens codes entries"],
    counted: Bool[Tensor, "crystals tokens"],
) -> Float[Tensor, " codes"]:
    each = (log_q.exp() * (log_q - log_p)).sum(dim=-1)
    return (each * counted[..., None]).sum(dim=(0, 1)) / len(counted)


def usage(
    sample: Float[Tensor, "*tokens codes entries"], counted: Bool[Tensor, "*tokens"]
) -> Float[Tensor, ""]:
    """Perplexity of the codes drawn in a batch, mean over the codebooks."""
    drawn = sample.detach()[counted]
    share = drawn.mean(dim=0)
    entropy = -(share * share.clamp(min=1e-9).log()).sum(dim=-1)
    return entropy.exp().mean()


def _hide_prototypes(
    batch: CrystalBatch, share: float, generator: torch.Generator
) -> CrystalBatch:
    """Make some prototypes unknown, so that new ones are handled too."""
    templates = batch.templates
    kept = torch.rand(len(batch), generator=generator, device=generator.device) >= share
    hidden = Templates(
        space_group=templates.space_group,
        position=templates.position,
        role=templates.role,
        prototype=templates.prototype * kept.to(templates.prototype.device),
    )
    return replace(batch, templates=hidden)


def _unwrapped(model: nn.Module) -> CrystalAutoencoder:
    """The autoencoder inside a wrapper for distributed training."""
    inner = getattr(model, "module", model)
    if not isinstance(inner, CrystalAutoencoder):
        raise TypeError(f"expected a CrystalAutoencoder, got {type(inner).__name__}")
    return inner
