"""How likely codes are: the priors, and the decoder's word on the elements."""

from collections.abc import Sequence

import torch
from jaxtyping import Int
from torch import Tensor
from torch.nn.functional import one_hot, pad

from crystalgen.generation.candidate import Codes
from crystalgen.generation.weights import Weights
from crystalgen.model.batch import Templates
from crystalgen.model.embedding import N_SPECIES
from crystalgen.model.prior import coded_first, take_orbits


@torch.inference_mode()
def log_likelihoods(
    weights: Weights,
    templates: Templates,
    species: Int[Tensor, "crystals roles"],
    codes: Sequence[Codes],
) -> list[float]:
    """Log-likelihood of codes and elements given group, positions and roles, in nats.

        log p(species codes) + log p(elements | species codes)
            + log p(geometry codes | elements)

    Args:
        weights: The trained networks.
        templates: Groups, positions and roles.
        species: Atomic number of each role; 0 on padding.
        codes: Of each crystal.
    """
    roles = padded([each.roles for each in codes]).to(weights.device)
    total = _of_species_codes(weights, templates, roles)
    total += _of_species(weights, templates, roles, species)
    total += _of_geometry_codes(weights, templates, species, codes)
    return total.tolist()


def padded(
    codes: Sequence[tuple[tuple[int, ...], ...]],
) -> Int[Tensor, "crystals tokens codes"]:
    """Codes of all crystals in one tensor, with zeros after the last token of each."""
    n_tokens = max(len(tokens) for tokens in codes)
    filled = torch.zeros(len(codes), n_tokens, len(codes[0][0]), dtype=torch.long)
    for row, tokens in enumerate(codes):
        filled[row, : len(tokens)] = torch.tensor(tokens)
    return filled


def _of_species_codes(
    weights: Weights, templates: Templates, roles: Int[Tensor, "crystals roles codes"]
) -> Tensor:
    prior = weights.networks.species_prior
    n_roles = roles.shape[1]
    each = prior.codes(
        prior.context(templates, n_roles), _one_hot(roles, prior.codes.n_entries)
    )
    chosen = each.gather(-1, roles[..., None]).squeeze(-1).sum(dim=-1)
    return (chosen * templates.role_present(n_roles)).sum(dim=1)


def _of_species(
    weights: Weights,
    templates: Templates,
    roles: Int[Tensor, "crystals roles codes"],
    species: Int[Tensor, "crystals roles"],
) -> Tensor:
    networks = weights.networks
    logits = networks.species_decoder(
        templates, networks.species_codes.embed_indices(roles)
    )
    each = logits.log_softmax(dim=-1).gather(-1, species[..., None]).squeeze(-1)
    return (each * templates.role_present(species.shape[1])).sum(dim=1)


def _of_geometry_codes(
    weights: Weights,
    templates: Templates,
    species: Int[Tensor, "crystals roles"],
    codes: Sequence[Codes],
) -> Tensor:
    networks = weights.networks
    prior = networks.geometry_prior
    order, coded = coded_first(networks.coded_orbits(templates))
    context = prior.context(templates, _one_hot(species, N_SPECIES), order)
    orbits = padded([each.orbits for each in codes]).to(weights.device)
    wholes = torch.tensor([each.crystal for each in codes], device=weights.device)
    indices = torch.cat([wholes[:, None], take_orbits(orbits, order)], dim=1)
    each = prior.codes(context, _one_hot(indices, prior.codes.n_entries))
    chosen = each.gather(-1, indices[..., None]).squeeze(-1).sum(dim=-1)
    return (chosen * pad(coded, (1, 0), value=True)).sum(dim=1)


def _one_hot(indices: Int[Tensor, "*shape"], n: int) -> Tensor:
    return one_hot(indices, n).float()
