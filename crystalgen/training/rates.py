"""What codes cost and whether they are used.

A code costs the divergence of its posterior from its prior. Codes that are the same for
every crystal are worth nothing; `usage` shows it and `unevenness` works against it.
"""

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from crystalgen.model.autoencoder import Pass
from crystalgen.model.codebook import Posterior


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


def detach_posteriors(outcome: Pass) -> Pass:
    """The same pass without gradients into the encoder."""

    def detached(posterior: Posterior) -> Posterior:
        return Posterior(posterior.log_probabilities.detach(), posterior.sample)

    return outcome._replace(
        species_posterior=detached(outcome.species_posterior),
        orbit_posterior=detached(outcome.orbit_posterior),
        crystal_posterior=detached(outcome.crystal_posterior),
    )


def detach_priors(outcome: Pass) -> Pass:
    """The same pass without gradients into the priors."""
    return outcome._replace(
        species_prior=outcome.species_prior.detach(),
        geometry_prior=outcome.geometry_prior.detach(),
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
    share = drawn.sum(dim=0) / max(len(drawn), 1)
    entropy = -(share * share.clamp(min=1e-9).log()).sum(dim=-1)
    return entropy.exp().mean()


def unevenness(
    posterior: Posterior, counted: Bool[Tensor, "*tokens"]
) -> Float[Tensor, ""]:
    """Log of the codebook's size less the entropy of its mean use, over all codes.

    Keeps codebooks alive: a code that is the same for every crystal of a batch is
    pushed apart, whether or not the decoder reads it yet.
    """
    probability = posterior.log_probabilities.exp() * counted[..., None, None]
    share = probability.flatten(0, -3).sum(dim=0) / counted.sum().clamp(min=1)
    entropy = -(share * share.clamp(min=1e-9).log()).sum(dim=-1)
    return (math.log(share.shape[-1]) - entropy).sum()
