"""What of a crystal is hidden from the networks in a step of training.

Networks that are to do without some knowledge at times must have met its absence.
"""

from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from crystalgen.model.autoencoder import GenerativeNetworks
from crystalgen.model.batch import CrystalBatch
from crystalgen.model.centres import Centres
from crystalgen.model.conditions import hide_properties

NEW_TEMPLATE_SHARE = 0.3
"""Share of the hidden prototypes that start from no usual geometry either, as those of
new templates do."""


def hide_prototypes(
    batch: CrystalBatch, centres: Centres, share: float, generator: torch.Generator
) -> CrystalBatch:
    """Make some prototypes and templates unknown, so that new ones are handled too."""
    templates = batch.templates
    luck = torch.rand(len(batch), generator=generator, device=generator.device)
    luck = luck.to(templates.prototype.device)
    is_hidden, is_new = luck < share, luck < share * NEW_TEMPLATE_SHARE
    centre = torch.where(
        is_hidden, centres.without_prototypes(templates), templates.centre
    )
    hidden = replace(
        templates,
        prototype=torch.where(is_hidden, 0, templates.prototype),
        centre=torch.where(is_new, 0, centre),
    )
    return replace(batch, templates=hidden)


def shown_properties(
    networks: GenerativeNetworks,
    batch: CrystalBatch,
    generator: torch.Generator,
    *,
    is_training: bool,
) -> Float[Tensor, "crystals properties"] | None:
    """Standardised properties that the priors are told, NaN where hidden.

    Nothing is told in validation, as in most generation.

    Returns:
        None for networks that know no properties; they draw no noise for them either.
    """
    scales = networks.statistics.properties
    if scales is None:
        return None
    return hide_properties(
        scales.standardise(batch.properties),
        generator,
        hidden_share=networks.config.condition_dropout if is_training else 1.0,
    )
