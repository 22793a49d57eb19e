"""Everything that changes during a run, and its file.

``state.safetensors`` holds the weights, their average, the moments of AdamW and the
counters: what it takes to go on as if nothing had happened. No generator is saved,
because the noise of a step depends on its number only.
"""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from crystalgen.errors import CheckpointError
from crystalgen.model.checkpoint import (
    load_checkpoint,
    save_checkpoint,
    tensors_under,
)
from crystalgen.model.relaxer import Relaxer
from crystalgen.training.config import TrainConfig


@dataclass(slots=True, kw_only=True)
class Counters:
    """Where a run stands."""

    step: int = 0
    """Optimizer steps taken."""
    epoch: int = 0
    """Epoch of the next batch."""
    batch: int = 0
    """Position of the next batch in its epoch."""
    minutes: float = 0.0
    """Wall-clock time spent, over all sessions."""
    best: float | None = None
    """Lowest validation loss so far."""
    logged_crystals: int = 0
    """Crystals in the line of metrics that is being gathered."""
    logged: dict[str, float] = field(default_factory=dict)
    """Sums over these crystals."""


@dataclass(slots=True, kw_only=True)
class TrainState:
    """Everything that changes during a run; the loop updates it in place."""

    model: nn.Module
    """The network being trained."""
    average: dict[str, Tensor]
    """Exponential moving average of each parameter."""
    optimizer: torch.optim.AdamW
    """With one entry of state for each parameter that ever had a gradient."""
    counters: Counters
    """Where the run stands."""


def start_state(model: nn.Module, config: TrainConfig) -> TrainState:
    """Begin a run from the weights that ``model`` has.

    Groups of parameters carry their share of the learning rate as ``rate``.
    """
    groups = [
        {"params": some, "weight_decay": decay, "rate": rate}
        for relaxes, rate in ((False, 1.0), (True, config.relaxer_rate))
        for some, decay in zip(
            _parameters(model, relaxes=relaxes), (config.weight_decay, 0.0), strict=True
        )
    ]
    return TrainState(
        model=model,
        average={n: p.detach().clone() for n, p in model.named_parameters()},
        optimizer=torch.optim.AdamW(
            [group for group in groups if group["params"]],
            lr=config.learning_rate,
            fused=True,
        ),
        counters=Counters(),
    )


def _parameters(
    model: nn.Module, *, relaxes: bool
) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """List matrices, which decay, and the rest; of the relaxer or of all else."""
    relaxers = [each for each in model.modules() if isinstance(each, Relaxer)]
    inside = {each for relaxer in relaxers for each in relaxer.modules()}
    decayed, free = [], []
    for module in model.modules():
        if (module in inside) != relaxes:
            continue
        for parameter in module.parameters(recurse=False):
            is_matrix = parameter.ndim == 2 and not isinstance(module, nn.Embedding)
            (decayed if is_matrix else free).append(parameter)
    return _once(decayed), _once(free, but=decayed)


def _once(
    parameters: list[nn.Parameter], *, but: list[nn.Parameter] | None = None
) -> list[nn.Parameter]:
    """Drop repeats, which tied weights cause."""
    seen = {id(parameter) for parameter in but or []}
    kept = []
    for parameter in parameters:
        if parameter.requires_grad and id(parameter) not in seen:
            seen.add(id(parameter))
            kept.append(parameter)
    return kept


@torch.no_grad()
def update_average(state: TrainState, *, decay: float) -> None:
    """Move the averaged weights towards the present ones."""
    present = [parameter.detach() for parameter in state.model.parameters()]
    get_ema_multi_avg_fn(decay)(list(state.average.values()), present, 0)


@contextmanager
def averaged_weights(state: TrainState) -> Iterator[nn.Module]:
    """Lend the model with its averaged weights, in evaluation mode."""
    parameters = dict(state.model.named_parameters())
    with torch.no_grad():
        kept = {name: p.detach().clone() for name, p in parameters.items()}
        for name, parameter in parameters.items():
            parameter.copy_(state.average[name])
    was_training = state.model.training
    state.model.eval()
    try:
        yield state.model
    finally:
        state.model.train(was_training)
        with torch.no_grad():
            for name, parameter in parameters.items():
                parameter.copy_(kept[name])


def data_fingerprint(n_orbits: Int[np.ndarray, " crystals"]) -> str:
    """Name a training set by its sizes, to notice that it was exchanged."""
    digest = hashlib.sha256(np.ascontiguousarray(n_orbits, dtype="<i8").tobytes())
    return f"{len(n_orbits)} crystals ({digest.hexdigest()[:12]})"


def save_state(path: Path, state: TrainState, settings: Mapping[str, Any]) -> None:
    """Write everything that a resumed run needs.

    Args:
        path: Of the file.
        state: Of the run, between two steps.
        settings: Plain values that a resumed run must share, see :func:`load_state`.

    Raises:
        CheckpointError: The file cannot be written.
    """
    tensors = {f"model/{n}": t for n, t in state.model.state_dict().items()}
    tensors |= {f"average/{n}": t for n, t in state.average.items()}
    for name, parameter in state.model.named_parameters():
        for key, value in state.optimizer.state.get(parameter, {}).items():
            tensors[f"adamw/{key}/{name}"] = value
    counters = {f.name: getattr(state.counters, f.name) for f in fields(Counters)}
    config = {"settings": dict(settings), "counters": counters}
    save_checkpoint(path, tensors, config, kind="state")


def load_state(path: Path, state: TrainState, settings: Mapping[str, Any]) -> None:
    """Put a saved run into a fresh state of the same model.

    Raises:
        CheckpointError: The file is missing or damaged, or was written by a run with
            other ``settings`` or another model.
    """
    checkpoint = load_checkpoint(path, kind="state")
    for name, was, is_now in _differences(checkpoint.config["settings"], settings):
        raise CheckpointError(
            f"{path}: written by a run with {name} = {was}, got {is_now}; "
            "set it back to resume, or start in another folder"
        )
    tensors = checkpoint.tensors
    model_tensors = tensors_under(tensors, "model/")
    averages = tensors_under(tensors, "average/")
    if model_tensors.keys() != state.model.state_dict().keys():
        different = model_tensors.keys() ^ state.model.state_dict().keys()
        raise CheckpointError(
            f"{path}: written for another model; {sorted(different)[0]} is in only "
            "one of them; start in another folder"
        )
    with torch.no_grad():
        state.model.load_state_dict(model_tensors)
        for name, average in state.average.items():
            average.copy_(averages[name])
    for name, parameter in state.model.named_parameters():
        _load_moments(state.optimizer, parameter, name, tensors)
    state.counters = Counters(**checkpoint.config["counters"])


def _differences(
    saved: Mapping[str, Any], settings: Mapping[str, Any], where: str = ""
) -> Iterator[tuple[str, object, object]]:
    """List the settings that differ: name, saved value, present value."""
    for name in sorted(saved.keys() | settings.keys()):
        was, is_now = saved.get(name), settings.get(name)
        if isinstance(was, Mapping) and isinstance(is_now, Mapping):
            yield from _differences(was, is_now, f"{where}{name}.")
        elif was != is_now:
            yield f"{where}{name}", was, is_now


def _load_moments(
    optimizer: torch.optim.AdamW,
    parameter: nn.Parameter,
    name: str,
    tensors: Mapping[str, Tensor],
) -> None:
    for key in ("step", "exp_avg", "exp_avg_sq"):
        saved = tensors.get(f"adamw/{key}/{name}")
        if saved is not None:
            # fresh memory, aligned as PyTorch aligns its own
            like = torch.empty_like(saved, device=parameter.device)
            optimizer.state[parameter][key] = like.copy_(saved)
