"""What the networks lose on properties: predicting them, and groups from them."""

from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor

from crystalgen.model.autoencoder import GenerativeNetworks, Pass
from crystalgen.model.batch import CrystalBatch
from crystalgen.training.problem import Losses


class PropertyLosses(NamedTuple):
    """Nats per crystal, and what to log."""

    heads: Float[Tensor, ""]
    """Of the labels under their predictions; those unknown cost nothing."""
    groups: Float[Tensor, ""]
    """Of the space groups under the conditions shown."""
    parts: dict[str, Float[Tensor, ""]]
    """Both, and the mean absolute error of each property in its own unit over the
    crystals of the batch with a label; 0 where none has one."""


def property_losses(
    networks: GenerativeNetworks, batch: CrystalBatch, outcome: Pass
) -> PropertyLosses:
    """Sum up the terms of a pass that was told of properties.

    Args:
        networks: Trained with properties.
        batch: What was passed.
        outcome: What came out.

    Raises:
        ValueError: Networks or pass know no properties.
    """
    scales, names = networks.statistics.properties, networks.config.properties
    predicted, of_group = outcome.properties, outcome.group_log_likelihood
    if scales is None or predicted is None or of_group is None:
        raise ValueError("expected a pass with conditions, got one without")
    labels = scales.standardise(batch.properties)
    nats, is_known = predicted.negative_log_likelihood(labels)
    heads = nats.sum() / len(batch)
    groups = -of_group.mean()
    off = (labels.nan_to_num(nan=0.0) - predicted.location.detach()).abs()
    n_known = is_known.sum(dim=0).clamp(min=1)
    errors = (off * is_known).sum(dim=0) / n_known * scales.scale
    return PropertyLosses(
        heads,
        groups,
        {
            "property_nll": heads.detach(),
            "group_nll": groups.detach(),
            **{f"{n}_mae": e for n, e in zip(names, errors, strict=True)},
        },
    )


def with_properties(
    losses: Losses,
    networks: GenerativeNetworks,
    batch: CrystalBatch,
    outcome: Pass,
    *,
    weight: float,
) -> Losses:
    """Add the terms to the other losses of a pass.

    Args:
        losses: The others.
        networks: Trained with properties.
        batch: What was passed.
        outcome: What came out.
        weight: Of the predicted properties.
    """
    more = property_losses(networks, batch, outcome)
    return Losses(
        total=losses.total + more.groups + weight * more.heads,
        n_crystals=losses.n_crystals,
        parts={**losses.parts, **more.parts},
    )
