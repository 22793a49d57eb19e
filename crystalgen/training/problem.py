"""What the loop needs to know of a model's data and loss, and nothing more."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn


@dataclass(frozen=True, slots=True, kw_only=True)
class Losses:
    """What one batch costs."""

    total: Float[Tensor, ""]
    """Mean over the crystals of the batch; the one that is differentiated."""
    n_crystals: int
    """Crystals that ``total`` and ``parts`` average over."""
    parts: Mapping[str, Float[Tensor, ""]]
    """Named means to report: terms of the loss, accuracies, temperatures."""


@runtime_checkable
class Problem(Protocol):
    """Crystals, how to batch them, and what a model loses on a batch.

    A batch is any nest of tensors (dataclass, mapping, sequence or a tensor).
    """

    @property
    def n_orbits(self) -> Int[np.ndarray, " crystals"]:
        """Orbits of each crystal; batches hold crystals of like size."""
        ...

    @property
    def identifiers(self) -> Sequence[str]:
        """A name for each crystal, for messages."""
        ...

    def collate(self, indices: Int[np.ndarray, " batch"], device: torch.device) -> Any:  # noqa: ANN401
        """Put the crystals ``indices`` into one batch on ``device``."""
        ...

    def loss_of(
        self,
        model: nn.Module,
        batch: Any,  # noqa: ANN401
        *,
        progress: float,
        generator: torch.Generator,
    ) -> Losses:
        """Compute the losses of one batch.

        Args:
            model: In training mode, or in evaluation mode for validation.
            batch: From :meth:`collate`.
            progress: Share of the run that is over, in [0, 1], for annealing;
                1 in validation.
            generator: Source of all noise, on the device of the batch.
        """
        ...
