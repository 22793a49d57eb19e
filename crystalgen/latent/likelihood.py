"""How likely codes are: the priors, and the decoder's word on the elements."""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import one_hot, pad

from crystalgen.generation.candidate import Codes
from crystalgen.generation.encoding import padded
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


def _of_species_codes(
    weights: Weights, templates: Templates, roles: Int[Tensor, "crystals roles codes"]
) -> Float[Tensor, " crystals"]:
    prior = weights.networks.species_prior
    n_roles = roles.shape[1]
    written = _one_hot(roles, prior.codes.n_entries)
    each = prior.codes(prior.context(templates, n_roles), written)
    chosen = (each * written).sum(dim=(2, 3))
    return (chosen * templates.role_present(n_roles)).sum(dim=1)


def _of_species(
    weights: Weights,
    templates: Templates,
    roles: Int[Tensor, "crystals roles codes"],
    species: Int[Tensor, "crystals roles"],
) -> Float[Tensor, " crystals"]:
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
) -> Float[Tensor, " crystals"]:
    networks = weights.networks
    prior = networks.geometry_prior
    order, coded = coded_first(networks.coded_orbits(templates))
    context = prior.context(templates, _one_hot(species, N_SPECIES), order)
    orbits = padded([each.orbits for each in codes]).to(weights.device)
    wholes = torch.tensor([each.crystal for each in codes], device=weights.device)
    n_entries = prior.codes.n_entries
    taken = take_orbits(_one_hot(orbits, n_entries), order)
    written = torch.cat([_one_hot(wholes, n_entries)[:, None], taken], dim=1)
    chosen = (prior.codes(context, written) * written).sum(dim=(2, 3))
    return (chosen * pad(coded, (1, 0), value=True)).sum(dim=1)


def _one_hot(
    indices: Int[Tensor, "*tokens"], n: int
) -> Float[Tensor, "*tokens entries"]:
    return one_hot(indices, n).float()
