"""Draws of codes and species from the priors, one token after the other.

Each function takes a batch of templates and noise, and is a pure function of them.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from crystalgen.estimators.gumbel_softmax import gumbel_max
from crystalgen.model.autoencoder import GenerativeNetworks
from crystalgen.model.batch import Templates
from crystalgen.model.prior import CodeSequence


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeciesDraw:
    """Elements of the roles of a batch.

    Attributes:
        codes: Species codes of each role.
        species: Atomic number of each role; 0 on padding.
        log_prob: Log-probability of codes and species given the template.
    """

    codes: Int[Tensor, "crystals roles codes"]
    species: Int[Tensor, "crystals roles"]
    log_prob: Float[Tensor, " crystals"]


def draw_codes(
    prior: CodeSequence,
    context: Float[Tensor, "crystals tokens channels"],
    present: Bool[Tensor, "crystals tokens"],
    noise: Float[Tensor, "crystals tokens codes entries"],
    *,
    temperature: float,
) -> tuple[Int[Tensor, "crystals tokens codes"], Float[Tensor, " crystals"]]:
    """Write the codes of all tokens, one after the other.

    Returns:
        The codes and the log-probability of those of present tokens.
    """
    n_crystals, n_tokens = present.shape
    codes = torch.zeros(
        n_crystals, n_tokens, prior.n_codes, dtype=torch.long, device=context.device
    )
    log_prob = torch.zeros(n_crystals, device=context.device)
    rows = torch.arange(n_crystals, device=context.device)
    hidden, past = prior.start(context[:, 0])
    for token in range(n_tokens):
        if token:
            hidden, past = prior.step(context[:, token], codes[:, token - 1], past)
        for code in range(prior.n_codes):
            logits = prior.logits(hidden, codes[:, token, :code])
            chosen = gumbel_max(logits, noise[:, token, code], temperature=temperature)
            codes[:, token, code] = chosen
            gained = logits.log_softmax(dim=-1)[rows, chosen]
            log_prob = log_prob + torch.where(present[:, token], gained, 0.0)
    return codes, log_prob


def draw_species(
    networks: GenerativeNetworks,
    templates: Templates,
    code_noise: Float[Tensor, "crystals roles codes entries"],
    species_noise: Float[Tensor, "crystals roles species"],
    *,
    temperature: float,
) -> SpeciesDraw:
    """Draw species codes from the prior, then a different element for each role."""
    n_roles = code_noise.shape[1]
    present = templates.role_present(n_roles)
    context = networks.species_prior.context(templates, n_roles)
    codes, log_prob = draw_codes(
        networks.species_prior.codes,
        context,
        present,
        code_noise,
        temperature=temperature,
    )
    logits = networks.species_decoder(
        templates, networks.species_codes.embed_indices(codes)
    )
    allowed = networks.statistics.species_count > 0
    allowed = allowed.expand(len(codes), -1).clone()
    species = torch.zeros_like(codes[:, :, 0])
    rows = torch.arange(len(codes), device=codes.device)
    for role in range(n_roles):
        chosen = gumbel_max(
            logits[:, role],
            species_noise[:, role],
            temperature=temperature,
            mask=allowed,
        )
        gained = logits[:, role].log_softmax(dim=-1)[rows, chosen]
        log_prob = log_prob + torch.where(present[:, role], gained, 0.0)
        species[:, role] = torch.where(present[:, role], chosen, 0)
        allowed[rows, chosen] = False
    return SpeciesDraw(codes=codes, species=species, log_prob=log_prob)
