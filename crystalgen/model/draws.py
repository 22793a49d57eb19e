"""Draws of codes and species from the priors, one token after the other.

Each function takes a batch of templates and noise, and is a pure function of them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from crystalgen.estimators.gumbel_softmax import gumbel_max
from crystalgen.model.autoencoder import GenerativeNetworks
from crystalgen.model.batch import Templates
from crystalgen.model.guidance import CodeReader, Guidance, code_reader
from crystalgen.model.layers import KeyValues

Allowed = Callable[[Int[Tensor, "rows roles"]], Bool[Tensor, "rows species"]]
"""Elements allowed on the next role, given those on the roles before."""


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
    prior: CodeReader,
    context: Float[Tensor, "crystals tokens channels"],
    present: Bool[Tensor, "crystals tokens"],
    noise: Float[Tensor, "crystals tokens codes entries"],
    *,
    temperature: float,
) -> tuple[Int[Tensor, "crystals tokens codes"], Float[Tensor, " crystals"]]:
    """Write the codes of all tokens, one after the other.

    Crystals are put in the order of their lengths, so that each step is taken by those
    only that have a token left.

    Args:
        prior: Of the codes.
        context: What is known of each token beforehand.
        present: Tokens of each crystal; they come before its padding.
        noise: Gumbel noise.
        temperature: Of the draws.

    Returns:
        The codes, 0 on padding, and the log-probability of those of present tokens.
    """
    order = present.sum(dim=1).argsort(descending=True, stable=True)
    context, noise = context[order], noise[order]
    n_open = present.sum(dim=0).tolist()
    codes = torch.zeros(
        *present.shape, prior.n_codes, dtype=torch.long, device=context.device
    )
    log_prob = torch.zeros(len(codes), device=context.device)
    rows = torch.arange(len(codes), device=context.device)
    hidden, past = prior.start(context[: n_open[0], 0])
    for token, n_rows in enumerate(n_open):
        if not n_rows:
            break
        if token:
            past = tuple(KeyValues(*(part[:n_rows] for part in each)) for each in past)
            previous = codes[:n_rows, token - 1]
            hidden, past = prior.step(context[:n_rows, token], previous, past)
        for code in range(prior.n_codes):
            logits = prior.logits(hidden, codes[:n_rows, token, :code])
            chosen = gumbel_max(
                logits, noise[:n_rows, token, code], temperature=temperature
            )
            codes[:n_rows, token, code] = chosen
            log_prob[:n_rows] += logits.log_softmax(dim=-1)[rows[:n_rows], chosen]
    place = order.argsort()
    return codes[place], log_prob[place]


def draw_species(
    networks: GenerativeNetworks,
    templates: Templates,
    code_noise: Float[Tensor, "crystals roles codes entries"],
    species_noise: Float[Tensor, "crystals roles species"],
    *,
    temperature: float,
    allowed: Allowed | None = None,
    guidance: Guidance | None = None,
) -> SpeciesDraw:
    """Draw species codes from the prior, then an element for each role.

    Args:
        networks: Codebooks, decoders and priors.
        templates: Groups, positions and roles.
        code_noise: Gumbel noise of the codes.
        species_noise: Gumbel noise of the elements.
        temperature: Of the draws.
        allowed: Of the elements; None for any that is known and not yet on another
            role. Codes know no such restriction.
        guidance: Properties to have; None for any.
    """
    n_roles = code_noise.shape[1]
    reader, context = species_reader(networks, templates, n_roles, guidance)
    codes, log_prob = draw_codes(
        reader,
        context,
        templates.role_present(n_roles),
        code_noise,
        temperature=temperature,
    )
    trained = networks.statistics.species_count > 0

    def unused(earlier: Int[Tensor, "rows roles"]) -> Bool[Tensor, "rows species"]:
        return trained.expand(len(earlier), -1).scatter(1, earlier, value=False)

    species, gained = draw_elements(
        networks,
        templates,
        codes,
        species_noise,
        temperature=temperature,
        allowed=allowed or unused,
    )
    return SpeciesDraw(codes=codes, species=species, log_prob=log_prob + gained)


def species_reader(
    networks: GenerativeNetworks,
    templates: Templates,
    n_roles: int,
    guidance: Guidance | None,
) -> tuple[CodeReader, Float[Tensor, "crystals roles channels"]]:
    """The prior of species codes, and what it is told of each role."""
    prior = networks.species_prior
    if guidance is not None:
        context = partial(prior.context, templates, n_roles)
        return code_reader(prior.codes, context, guidance)
    # many draws of a batch are on the same templates
    distinct, which = templates.distinct()
    return prior.codes, prior.context(distinct, n_roles)[which]


def draw_elements(
    networks: GenerativeNetworks,
    templates: Templates,
    codes: Int[Tensor, "crystals roles codes"],
    noise: Float[Tensor, "crystals roles species"],
    *,
    temperature: float,
    allowed: Allowed,
) -> tuple[Int[Tensor, "crystals roles"], Float[Tensor, " crystals"]]:
    """Draw an allowed element for each role, one after the other, given the codes.

    Args:
        networks: Codebooks and decoders.
        templates: Groups, positions and roles.
        codes: Species codes of each role.
        noise: Gumbel noise.
        temperature: Of the draw.
        allowed: Never empty as long as it was kept to so far.

    Returns:
        Elements, 0 on padding, and the log-probability of the same draw without
        restrictions.
    """
    n_roles = codes.shape[1]
    present = templates.role_present(n_roles)
    logits = networks.species_decoder(
        templates, networks.species_codes.embed_indices(codes)
    )
    species = torch.zeros_like(codes[:, :, 0])
    log_prob = torch.zeros(len(codes), device=codes.device)
    rows = torch.arange(len(codes), device=codes.device)
    for role in range(n_roles):
        chosen = gumbel_max(
            logits[:, role],
            noise[:, role],
            temperature=temperature,
            mask=allowed(species[:, :role]),
        )
        gained = logits[:, role].log_softmax(dim=-1)[rows, chosen]
        log_prob = log_prob + torch.where(present[:, role], gained, 0.0)
        species[:, role] = torch.where(present[:, role], chosen, 0)
    return species, log_prob
