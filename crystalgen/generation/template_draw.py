"""Drawn templates: as prototypes to build crystals on, as tensors for the networks."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float64, Int

from crystalgen.model.batch import Templates
from crystalgen.model.guidance import Guidance
from crystalgen.model.tables import symmetry_tables
from crystalgen.representation.prototype import Prototype, PrototypeVocabulary


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateDraw:
    """Templates of some draws.

    Attributes:
        draws: Number of each draw.
        prototypes: Template of each draw.
        templates: The same as tensors.
        log_prob: Log-probability of each template, in nats.
        is_new: Whether each came from the autoregressive prior.
        guidance: Properties that each crystal shall have; None for any.
    """

    draws: Int[np.ndarray, " rows"]
    prototypes: tuple[Prototype, ...]
    templates: Templates
    log_prob: Float64[np.ndarray, " rows"]
    is_new: Bool[np.ndarray, " rows"]
    guidance: Guidance | None = None

    def guidance_of(
        self, indices: Int[np.ndarray, " some"], device: torch.device
    ) -> Guidance | None:
        """Properties that some of the crystals shall have."""
        if self.guidance is None:
            return None
        chosen = torch.from_numpy(np.asarray(indices, dtype=np.int64))
        return self.guidance.rows(chosen).to(device)

    def rows(self, indices: Int[np.ndarray, " some"]) -> Templates:
        """Some of the templates, without needless padding."""
        chosen = torch.from_numpy(np.asarray(indices, dtype=np.int64))
        return self.templates.rows(chosen).trimmed()


def to_templates(
    prototypes: tuple[Prototype, ...], vocabulary: PrototypeVocabulary
) -> Templates:
    """Prototypes as padded tensors.

    Args:
        prototypes: Groups, positions and roles.
        vocabulary: Prototypes that the model knows.
    """
    first = symmetry_tables().first_position
    width = max(len(prototype.wyckoff) for prototype in prototypes)
    position = torch.zeros(len(prototypes), width, dtype=torch.long)
    role = torch.zeros_like(position)
    for row, prototype in enumerate(prototypes):
        n_orbits = len(prototype.wyckoff)
        letters = torch.tensor(prototype.wyckoff)
        position[row, :n_orbits] = first[prototype.space_group] + letters
        role[row, :n_orbits] = torch.tensor(prototype.roles)
    labels = torch.tensor([vocabulary.label(prototype) for prototype in prototypes])
    return Templates(
        space_group=torch.tensor([p.space_group for p in prototypes]),
        position=position,
        role=role,
        prototype=labels[:, 0],
        centre=labels[:, 1],
    )
