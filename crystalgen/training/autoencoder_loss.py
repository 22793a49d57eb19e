"""What the autoencoder loses on one batch, see `crystalgen.training.objective`."""

from jaxtyping import Float
from torch import Tensor, ones_like
from torch.nn.functional import cross_entropy

from crystalgen.model.autoencoder import CrystalAutoencoder, Pass
from crystalgen.model.batch import CrystalBatch
from crystalgen.model.decoder import cell_log_likelihood, coords_log_likelihood
from crystalgen.training.problem import Losses
from crystalgen.training.rates import (
    detach_posteriors,
    detach_priors,
    rates,
    unevenness,
    usage,
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
        + unevenness(outcome.crystal_posterior, ones_like(has_role[:, 0]))
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
                outcome.crystal_posterior.sample, ones_like(has_role[:, 0])
            ),
        },
    )


def _numbered(
    name: str, values: Float[Tensor, " codes"]
) -> dict[str, Float[Tensor, ""]]:
    return {f"{name}_{code}": value for code, value in enumerate(values)}
