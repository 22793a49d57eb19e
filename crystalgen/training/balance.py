"""Teaches the prior to draw compositions whose charges balance.

Most draws that no one would believe fail here, and likelihood alone teaches it slowly:
one misplaced element spoils a formula and costs hardly more than a right one. So the
prior draws for some templates of the batch, and draws that balance gain on those that
do not, by the score-function estimator. Whether charges balance is a matter of whole
numbers, through which no relaxation passes.

Metals, which need no balance, are left as they are: only the other draws of a template
are compared with each other, or the reward would turn everything into alloys.
"""

from math import ceil
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import one_hot

from crystalgen.estimators.gumbel_softmax import gumbel_noise
from crystalgen.estimators.score_function import leave_one_out
from crystalgen.model.autoencoder import GenerativeNetworks
from crystalgen.model.batch import Templates
from crystalgen.model.draws import draw_species
from crystalgen.model.embedding import N_SPECIES
from crystalgen.model.guidance import Guidance
from crystalgen.model.tables import symmetry_tables
from crystalgen.representation.neutrality import are_metals, is_neutral

SHARE = 0.3
"""Of the templates of a batch to draw for, so that several small batches cost what a
large one does."""
N_DRAWS = 4
"""Draws for each of them, to be compared with each other."""


class Balance(NamedTuple):
    """What a round of draws says."""

    loss: Float[Tensor, ""]
    """Its gradient is that of the expected share that does not balance."""
    share: Float[Tensor, ""]
    """Share of all draws that balance, metals among them."""


def balance(
    networks: GenerativeNetworks,
    templates: Templates,
    generator: torch.Generator,
    conditions: Float[Tensor, "crystals properties"] | None = None,
) -> Balance:
    """Draw species for some templates and compare the draws of each.

    Args:
        networks: In training mode.
        templates: Those of a batch.
        generator: Source of all noise.
        conditions: Standardised properties that the prior is told, NaN where hidden.
    """
    config = networks.config
    rows = _several(templates, generator)
    some = templates.rows(rows)
    told = None if conditions is None else conditions[rows]
    guidance = None if told is None else Guidance(conditions=told, weight=1.0)
    n_roles = int(some.role.max()) + 1
    shape = (len(some.role), n_roles)
    device = some.role.device
    of_codes = gumbel_noise(
        (*shape, *config.species_codes), generator=generator, device=device
    )
    of_species = gumbel_noise((*shape, N_SPECIES), generator=generator, device=device)
    with torch.no_grad():
        networks.species_prior.eval()
        drawn = draw_species(
            networks, some, of_codes, of_species, temperature=1.0, guidance=guidance
        )
        networks.species_prior.train()
    balances, metals = _judge(some, drawn.species)
    advantage = leave_one_out(
        balances.float().unflatten(0, (-1, N_DRAWS)),
        ~metals.unflatten(0, (-1, N_DRAWS)),
    ).flatten()
    written = one_hot(drawn.codes, config.species_codes[1]).to(drawn.log_prob.dtype)
    context = networks.species_prior.context(some, n_roles, told)
    each = networks.species_prior.codes(context, written)
    chosen = each.gather(-1, drawn.codes[..., None]).squeeze(-1)
    has_role = some.role_present(n_roles)[..., None]
    log_prob = (chosen * has_role).sum(dim=(1, 2))
    return Balance(loss=-(advantage * log_prob).mean(), share=balances.float().mean())


def _several(templates: Templates, generator: torch.Generator) -> Int[Tensor, " rows"]:
    """Rows of some of the templates, each as often as it is drawn for."""
    n = len(templates.role)
    order = torch.randperm(n, generator=generator, device=generator.device)
    chosen = order[: ceil(SHARE * n)]
    return chosen.repeat_interleave(N_DRAWS).to(templates.role.device)


def _judge(
    templates: Templates, species: Int[Tensor, "crystals roles"]
) -> tuple[Bool[Tensor, " crystals"], Bool[Tensor, " crystals"]]:
    """Which compositions balance, and which of them are made of metals alone."""
    tables = symmetry_tables()
    group = templates.space_group.cpu()
    sizes = tables.multiplicity[templates.position.cpu()].long()
    sizes = sizes // tables.n_centring[group][:, None]
    belongs = one_hot(templates.role.cpu(), species.shape[1])
    counts = (belongs * sizes[..., None]).sum(dim=1)
    verdicts: list[tuple[bool, bool]] = []
    for elements, atoms in zip(species.tolist(), counts.tolist(), strict=True):
        pairs = [(e, n) for e, n in zip(elements, atoms, strict=True) if n]
        present, numbers = zip(*pairs, strict=True)
        verdicts.append((is_neutral(present, numbers), are_metals(present)))
    balances, metals = torch.tensor(verdicts, device=species.device).unbind(dim=1)
    return balances, metals
