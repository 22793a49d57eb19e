"""Draws of species of which only some elements are allowed on each role.

Codes come first and mean elements, so restricting the elements alone would pair codes
with elements that they do not mean. Hence the codes are drawn given that they mean an
allowed element:

    p(z1, z2 | allowed) ~ p(z1) p(z2 | z1) P(allowed | z1, z2)

exactly, with the sum over z2 taken for every z1; what each pair of codes means is read
off the decoder once.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from crystalgen.estimators.gumbel_softmax import gumbel_max
from crystalgen.model.autoencoder import GenerativeNetworks
from crystalgen.model.batch import Templates
from crystalgen.model.draws import Allowed, SpeciesDraw, draw_elements, species_reader
from crystalgen.model.embedding import N_SPECIES
from crystalgen.model.guidance import CodeReader, Guidance
from crystalgen.model.layers import KeyValues

Meanings = Float[Tensor, "first second species"]
"""How surely each pair of codes means each element."""
SURE = 0.5
"""Probability from which on a pair of codes means an element and no other."""
SMALLEST = 1e-30
"""In place of a probability of 0, whose logarithm is not finite."""


def code_meanings(networks: GenerativeNetworks, templates: Templates) -> Meanings:
    """What each pair of species codes means, on average over some templates.

    Only the element that a pair surely means counts, unless no pair means that element;
    then every pair counts as it decodes.

    Args:
        networks: With two species codes.
        templates: Of one element each.
    """
    n_codes, n_entries = networks.config.species_codes
    device = templates.position.device
    entries = torch.arange(n_entries, device=device)
    pairs = torch.cartesian_prod(*[entries] * n_codes)
    embedded = networks.species_codes.embed_indices(pairs[:, None])
    total = torch.zeros(len(pairs), N_SPECIES, device=device)
    for row in range(len(templates.space_group)):
        alike = Templates(
            space_group=templates.space_group[row].expand(len(pairs)),
            position=templates.position[row].expand(len(pairs), -1),
            role=templates.role[row].expand(len(pairs), -1),
            prototype=templates.prototype[row].expand(len(pairs)),
            centre=templates.centre[row].expand(len(pairs)),
        )
        total += networks.species_decoder(alike, embedded)[:, 0].softmax(dim=-1)
    mean = total / len(templates.space_group)
    sure = mean * (mean > SURE)
    has_pair = sure.any(dim=0)
    return torch.where(has_pair, sure, mean).unflatten(0, (n_entries, n_entries))


def draw_allowed_species(
    networks: GenerativeNetworks,
    templates: Templates,
    code_noise: Float[Tensor, "crystals roles codes entries"],
    species_noise: Float[Tensor, "crystals roles species"],
    *,
    temperature: float,
    meanings: Meanings,
    allowed: Allowed,
    guidance: Guidance | None = None,
) -> SpeciesDraw:
    """Draw species codes given what is allowed, then an allowed element for each role.

    The log-probability is that of the same draw without restrictions.

    Args:
        networks: Trained ones.
        templates: Groups, positions and roles.
        code_noise: Gumbel noise of the codes.
        species_noise: Gumbel noise of the elements.
        temperature: Of the draws.
        meanings: What pairs of codes mean.
        allowed: Never empty as long as it was kept to so far; all on padding.
        guidance: Properties to have; None for any.
    """
    n_roles = code_noise.shape[1]
    reader, context = species_reader(networks, templates, n_roles, guidance)
    codes, log_prob = _draw_codes(
        reader,
        context,
        templates.role_present(n_roles),
        code_noise,
        species_noise,
        temperature=temperature,
        meanings=meanings,
        allowed=allowed,
    )
    species, gained = draw_elements(
        networks,
        templates,
        codes,
        species_noise,
        temperature=temperature,
        allowed=allowed,
    )
    return SpeciesDraw(codes=codes, species=species, log_prob=log_prob + gained)


def _draw_codes(
    prior: CodeReader,
    context: Float[Tensor, "crystals roles channels"],
    present: Bool[Tensor, "crystals roles"],
    noise: Float[Tensor, "crystals roles codes entries"],
    species_noise: Float[Tensor, "crystals roles species"],
    *,
    temperature: float,
    meanings: Meanings,
    allowed: Allowed,
) -> tuple[Int[Tensor, "crystals roles codes"], Float[Tensor, " crystals"]]:
    """Codes that mean allowed elements, and their log-probability in the prior.

    The element that a pair means is taken as chosen when it comes to the next role.
    Each step is taken by those crystals only that have a role left.
    """
    n_crystals, n_roles = present.shape
    codes = torch.zeros(n_crystals, n_roles, 2, dtype=torch.long, device=context.device)
    meant = torch.zeros_like(codes[:, :, 0])
    log_prob = torch.zeros(n_crystals, device=context.device)
    left = torch.arange(n_crystals, device=context.device)
    hidden, past = prior.start(context[:, 0])
    for role in range(n_roles):
        if role:
            goes_on = present[left, role]
            left = left[goes_on]
            past = tuple(KeyValues(*(part[goes_on] for part in each)) for each in past)
            previous = codes[left, role - 1]
            hidden, past = prior.step(context[left, role], previous, past)
        mask = allowed(meant[:, :role])[left]
        rows = torch.arange(len(left), device=context.device)
        # P(allowed | z1, z2), and with it log p(z2 | z1) for every z1
        share = torch.einsum("abs,rs->rab", meanings, mask.float()).clamp(min=SMALLEST)
        first = prior.logits(hidden, codes[left, role, :0]).log_softmax(dim=-1)
        second = _second_logits(prior, hidden).log_softmax(dim=-1)
        wanted = share.log() + second
        one = gumbel_max(
            first + wanted.logsumexp(dim=-1),
            noise[left, role, 0],
            temperature=temperature,
        )
        two = gumbel_max(
            wanted[rows, one], noise[left, role, 1], temperature=temperature
        )
        codes[left, role] = torch.stack([one, two], dim=-1)
        log_prob[left] += first[rows, one] + second[rows, one, two]
        meant[left, role] = gumbel_max(
            meanings[one, two].clamp(min=SMALLEST).log(),
            species_noise[left, role],
            temperature=temperature,
            mask=mask,
        )
    return codes, log_prob


def _second_logits(
    prior: CodeReader, hidden: Float[Tensor, "crystals channels"]
) -> Float[Tensor, "crystals first second"]:
    """Logits of the second code of a token after each first one."""
    # draws on one template begin alike
    different, place = hidden.unique(dim=0, return_inverse=True)
    first = torch.arange(prior.n_entries, device=hidden.device)
    repeated = different.repeat_interleave(prior.n_entries, dim=0)
    logits = prior.logits(repeated, first.repeat(len(different))[:, None])
    return logits.unflatten(0, (len(different), prior.n_entries))[place]
