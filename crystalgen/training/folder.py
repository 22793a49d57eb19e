"""The files of a run folder.

state.safetensors       resume from here; rewritten every few minutes
model.safetensors       averaged weights, the file to generate with
best.safetensors        the same at the epoch with the lowest validation loss
metrics.jsonl           one line for every few steps and every validation
nan_batch.safetensors   only after a loss or gradient that is not finite
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from crystalgen.config import as_plain
from crystalgen.errors import TrainingError
from crystalgen.model.checkpoint import save_checkpoint
from crystalgen.training.config import TrainConfig
from crystalgen.training.state import TrainState, averaged_weights, load_state

STATE = "state.safetensors"
MODEL = "model.safetensors"
BEST = "best.safetensors"
BAD_BATCH = "nan_batch.safetensors"


def open_run(
    out: Path, state: TrainState, settings: Mapping[str, Any], *, resume: bool
) -> None:
    """Create the run folder, or load the state in it.

    Raises:
        TrainingError: The folder holds a run and ``resume`` is false, or it cannot be
            created.
        CheckpointError: The state does not belong to this run.
    """
    check_folder(out, resume=resume)
    path = out / STATE
    if path.exists():
        load_state(path, state, settings)
        return
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TrainingError(
            f"{out}: cannot be created: {error.strerror}; choose another folder"
        ) from error


def check_folder(out: Path, *, resume: bool) -> None:
    """Refuse to start a run where there is one.

    Raises:
        TrainingError: The folder holds a run and ``resume`` is false.
    """
    if (out / STATE).exists() and not resume:
        raise TrainingError(
            f"{out}: already holds a run; continue it with --resume "
            "(resume=True in Python), or choose another folder"
        )


def save_model(
    path: Path, state: TrainState, config: TrainConfig, describe: Mapping[str, Any]
) -> str:
    """Write the averaged weights with everything that generation needs.

    The settings in the file are ``describe`` and the table ``train``.

    Args:
        path: Of the file.
        state: Of the run.
        config: How the weights were trained.
        describe: Plain settings from which the model can be built again.

    Returns:
        The SHA-256 of the tensor bytes.

    Raises:
        CheckpointError: The file cannot be written.
    """
    counters = state.counters
    with averaged_weights(state) as model:
        return save_checkpoint(
            path,
            model.state_dict(),
            {**describe, "train": as_plain(config)},
            metadata={"step": str(counters.step), "epoch": str(counters.epoch)},
        )
