"""Drawn templates: as prototypes to build crystals on, as tensors for the networks."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float64, Int

from crystalgen.model.batch import Templates
from crystalgen.model.guidance import Guidance
from crystalgen.representation.prototype import Prototype


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
