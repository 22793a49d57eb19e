"""Leave evidence when a loss or a gradient is not finite."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from jaxtyping import Int
from torch import Tensor

from crystalgen.model.checkpoint import write_whole


def named_tensors(batch: Any, name: str = "batch") -> Iterator[tuple[str, Tensor]]:  # noqa: ANN401
    """List the tensors inside a nest of dataclasses, mappings and sequences.

    >>> [name for name, _ in named_tensors({"x": torch.ones(2), "y": [torch.ones(1)]})]
    ['batch.x', 'batch.y.0']
    """
    if isinstance(batch, Tensor):
        yield name, batch
    elif is_dataclass(batch):
        for f in fields(batch):
            yield from named_tensors(getattr(batch, f.name), f"{name}.{f.name}")
    elif isinstance(batch, Mapping):
        for key, value in batch.items():
            yield from named_tensors(value, f"{name}.{key}")
    elif hasattr(batch, "_asdict"):
        yield from named_tensors(batch._asdict(), name)
    elif isinstance(batch, Sequence) and not isinstance(batch, str | bytes):
        for position, value in enumerate(batch):
            yield from named_tensors(value, f"{name}.{position}")


def write_bad_batch(
    path: Path,
    batch: Any,  # noqa: ANN401
    *,
    indices: Int[np.ndarray, " batch"],
    identifiers: Sequence[str],
    where: Mapping[str, Any],
) -> None:
    """Write a batch as safetensors, with what it takes to repeat the step.

    Args:
        path: Of the file.
        batch: Any nest of tensors.
        indices: Of its crystals in the training set; stored as ``indices``.
        identifiers: Of its crystals; in the header as JSON.
        where: Step, epoch, seed, losses; in the header as JSON.

    Raises:
        CheckpointError: The file cannot be written.
    """
    tensors = {
        name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, tensor in named_tensors(batch)
    }
    tensors["indices"] = torch.as_tensor(np.asarray(indices, dtype=np.int64))
    metadata = {
        "identifiers": json.dumps(list(identifiers)),
        "where": json.dumps(dict(where)),
    }
    write_whole(path, safetensors.torch.save(tensors, metadata))
