"""Species of a batch of templates under the constraints of a request."""

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from crystalgen.generation.assignments import N_NUMBERS
from crystalgen.generation.constraints import Constraints
from crystalgen.generation.weights import Weights
from crystalgen.model.batch import Templates
from crystalgen.model.conditioned_draws import draw_allowed_species
from crystalgen.model.draws import Allowed, SpeciesDraw, draw_species
from crystalgen.model.guidance import Guidance
from crystalgen.representation.prototype import Prototype


def draw_role_species(
    weights: Weights,
    templates: Templates,
    prototypes: Sequence[Prototype],
    noise: Float[Tensor, "crystals roles categories"],
    *,
    temperature: float,
    constraints: Constraints | None,
    guidance: Guidance | None = None,
) -> SpeciesDraw:
    """Draw elements so that each crystal keeps to the constraints.

    Args:
        weights: Trained networks.
        templates: Groups, positions and roles, where the networks are.
        prototypes: The same as values.
        noise: Gumbel noise of the codes of each role, then of its elements.
        temperature: Of the draws.
        constraints: What the templates were drawn under; None for nothing.
        guidance: Properties to have, where the networks are; None for any.
    """
    n_codes, n_entries = weights.config.species_codes
    split = n_codes * n_entries
    of_codes = noise[..., :split].unflatten(-1, (n_codes, n_entries))
    of_species = noise[..., split:]
    allowed = None
    if constraints is not None and constraints.restricts_species:
        allowed = _allowed(constraints, prototypes)
    meanings = weights.code_meanings if allowed else None
    if allowed is None or meanings is None:
        return draw_species(
            weights.networks,
            templates,
            of_codes,
            of_species,
            temperature=temperature,
            allowed=allowed,
            guidance=guidance,
        )
    return draw_allowed_species(
        weights.networks,
        templates,
        of_codes,
        of_species,
        temperature=temperature,
        meanings=meanings,
        allowed=allowed,
        guidance=guidance,
    )


def _allowed(constraints: Constraints, prototypes: Sequence[Prototype]) -> Allowed:
    """Elements allowed on the next role of each of some prototypes."""
    assignments = [constraints.assignments(prototype) for prototype in prototypes]
    n_elements = [prototype.n_elements for prototype in prototypes]

    def allowed(chosen: Int[Tensor, "rows roles"]) -> Bool[Tensor, "rows species"]:
        role = chosen.shape[1]
        mask = torch.ones(len(chosen), N_NUMBERS, dtype=torch.bool)
        for row, before in enumerate(chosen.tolist()):
            if role < n_elements[row]:
                mask[row] = torch.from_numpy(assignments[row].allowed(before))
        return mask.to(chosen.device)

    return allowed
