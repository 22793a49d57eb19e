"""The weights of a finished lesson, and the file that they are put into."""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float64

from crystalgen.config import as_plain, build
from crystalgen.model.checkpoint import (
    Checkpoint,
    load_checkpoint,
    save_checkpoint,
)
from crystalgen.model.config import ModelConfig
from crystalgen.model.critic import Critic
from crystalgen.representation.table import CrystalTable
from crystalgen.training.critic_lessons import true_features, usual_features
from crystalgen.training.folder import MODEL

CRITIC, RELAXER = "critic", "relaxer"
"""The parts, and their folders inside that of the run."""
LAYERS = 3
"""Of a critic unless the weights have one already."""
ALL = "generative."
"""How names of what generates begin in a checkpoint."""


def save_taught(
    checkpoint: Checkpoint,
    out: Path,
    *,
    blend: float = 1.0,
    real: Sequence[CrystalTable] = (),
) -> str:
    """Write weights with what the parts in a folder have learnt.

    Args:
        checkpoint: The weights.
        out: The run folder; gets ``model.safetensors``.
        blend: Share of the taught relaxer, 0 to 1; the rest is as it was before. Means
            of weights before and after often do better than either where crystals are
            unlike those of the lesson (Wortsman et al., 2022, arXiv:2109.01903).
        real: Crystals that the weights were trained on; a taught critic is told what
            they are made of.

    Returns:
        The SHA-256 of the tensors.

    Raises:
        CheckpointError: A file cannot be read or written.
    """
    tensors, config = dict(checkpoint.tensors), dict(checkpoint.config)
    if (out / RELAXER / MODEL).exists():
        found = load_checkpoint(out / RELAXER / MODEL)
        prefix = f"{ALL}{RELAXER}."
        tensors |= {
            name: (1 - blend) * checkpoint.tensors[name].float() + blend * after.float()
            for name, after in found.tensors.items()
            if name.startswith(prefix)
        }
        config["relaxer_taught"] = {**found.config["train"], "blend": blend}
    if (out / CRITIC / MODEL).exists():
        found = load_checkpoint(out / CRITIC / MODEL)
        model = with_critic(checkpoint)
        critic = Critic(model)
        critic.load_state_dict(found.tensors)
        if real:
            usual = usual_features(critic.eval(), real)
            critic.usual_features.copy_(torch.from_numpy(usual))
        tensors |= {f"{ALL}{CRITIC}.{n}": t for n, t in critic.state_dict().items()}
        config |= {"model": as_plain(model), "critic_taught": found.config["train"]}
    name = f"{ALL}{CRITIC}.stability"
    if name in tensors:
        # what is expected of crystals is another now
        tensors[name] = torch.full_like(tensors[name], math.nan)
    return save_checkpoint(out / MODEL, tensors, config, metadata=checkpoint.metadata)


def save_corrected(
    path: Path, drawn: CrystalTable, wanted: Float64[np.ndarray, " features"]
) -> str:
    """Tell a critic by how much more of everything to ask for.

    What runs hold differs from what they are asked to: what the critic prefers is more
    frequent, what later checks refuse is rarer, and densities are not as it tells. What
    is missing in crystals that the weights drew is added to what is asked for.

    Args:
        path: Weights that `save_taught` wrote, told what real crystals are made of.
        drawn: Crystals that they drew, nothing being asked for.
        wanted: `true_features` of the crystals that the weights were trained on.

    Returns:
        The SHA-256 of the tensors.

    Raises:
        CheckpointError: A file cannot be read or written.
    """
    found = load_checkpoint(path)
    name = f"{ALL}{CRITIC}.usual_features"
    missing = torch.from_numpy(wanted - true_features([drawn]))
    tensors = {**found.tensors, name: found.tensors[name].double() + missing}
    return save_checkpoint(path, tensors, found.config, metadata=found.metadata)


def with_critic(checkpoint: Checkpoint) -> ModelConfig:
    """Shape of the networks, with a critic."""
    settings = model_settings(checkpoint)
    return replace(settings, critic_layers=settings.critic_layers or LAYERS)


def model_settings(checkpoint: Checkpoint) -> ModelConfig:
    """Shape of the networks."""
    # weights older than relaxers have none
    settings = {"relaxer_layers": 0, **checkpoint.config["model"]}
    return build(ModelConfig, settings, where=f"{checkpoint.name} [model]")
