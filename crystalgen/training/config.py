"""How long, how fast and where to train."""

from dataclasses import dataclass
from typing import Literal

Device = Literal["auto", "cpu", "cuda", "mps"]
Precision = Literal["auto", "float32", "bfloat16"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainConfig:
    """How long, how fast and where to train.

    Raises:
        ValueError: A value is out of range.
    """

    steps: int = 0
    """Optimizer steps; 0 takes them from ``epochs``."""
    epochs: int = 30
    """Passes over the training crystals, where ``steps`` is 0."""
    max_minutes: float = 0.0
    """Wall-clock budget, under which the schedules run to their end; 0 is none.
    How far a run gets then depends on the machine, and so does its loss curve. The
    steps of the relaxer alone come on top."""
    learning_rate: float = 1.5e-3
    """Peak rate of AdamW, reached after the warm-up."""
    learning_rate_floor: float = 1e-5
    """Rate at the end of the cosine."""
    relaxer_steps: int = 0
    """Steps that train the relaxer alone, after all others and with the same rates once
    more; 0 trains it along with the other networks instead."""
    warmup_steps: int = 100
    """Steps over which the rate rises linearly from 0."""
    relaxer_rate: float = 5.0
    """Rate of the relaxer over that of the other networks."""
    weight_decay: float = 0.01
    """Decay of the matrices; embeddings, codebooks, biases and gains have none."""
    clip_norm: float = 1.0
    """Largest norm of the gradient; that of the relaxer is clipped apart."""
    ema_decay: float = 0.999
    """Memory of the averaged weights, which are the ones that ship."""
    orbits_per_batch: int = 768
    """Orbits in one batch of one process, padding included."""
    seed: int = 0
    """Seed of the initial weights, the order of crystals and all noise."""
    validate_every: int = 1
    """Epochs between two validations."""
    log_every: int = 20
    """Steps that one line of the metrics averages over."""
    checkpoint_minutes: float = 3.0
    """Minutes between two checkpoints."""
    device: Device = "auto"
    """``auto`` takes CUDA, else MPS, else the CPU."""
    precision: Precision = "auto"
    """``auto`` autocasts to bfloat16 on CUDA and keeps float32 elsewhere."""
    threads: int = 0
    """CPU threads of one process; 0 leaves PyTorch's own choice."""
    tensorboard: bool = False
    """Also write the metrics for TensorBoard."""

    def __post_init__(self) -> None:
        for name in ("epochs", "orbits_per_batch", "validate_every", "log_every"):
            value = getattr(self, name)
            if value < 1:
                raise ValueError(f"{name} must be at least 1, got {value}")
        not_negative = ("steps", "relaxer_steps", "warmup_steps", "weight_decay")
        for name in (*not_negative, "max_minutes", "threads", "seed"):
            value = getattr(self, name)
            if value < 0:
                raise ValueError(f"{name} must not be negative, got {value}")
        for name in (
            "learning_rate",
            "relaxer_rate",
            "clip_norm",
            "checkpoint_minutes",
        ):
            value = getattr(self, name)
            if value <= 0:
                raise ValueError(f"{name} must be positive, got {value}")
        if not 0 <= self.learning_rate_floor <= self.learning_rate:
            raise ValueError(
                f"learning_rate_floor must lie between 0 and learning_rate "
                f"{self.learning_rate}, got {self.learning_rate_floor}"
            )
        if not 0 <= self.ema_decay < 1:
            raise ValueError(f"ema_decay must lie in [0, 1), got {self.ema_decay}")
