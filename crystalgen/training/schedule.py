"""How the learning rate and the memory of the averaged weights change in a run."""

import math

from crystalgen.training.config import TrainConfig


def progress_of(step: int, minutes: float, *, steps: int, max_minutes: float) -> float:
    """Share of the run that is over, in [0, 1], by steps or by the clock.

    >>> progress_of(25, 0.0, steps=100, max_minutes=0.0)
    0.25
    >>> progress_of(25, 30.0, steps=100, max_minutes=60.0)
    0.5
    """
    by_clock = minutes / max_minutes if max_minutes > 0 else 0.0
    return min(1.0, max(step / steps, by_clock))


def learning_rate_at(step: int, progress: float, config: TrainConfig) -> float:
    """Rate of one step: linear warm-up, then a cosine down to the floor."""
    floor, peak = config.learning_rate_floor, config.learning_rate
    cosine = floor + (peak - floor) * (1 + math.cos(math.pi * progress)) / 2
    return cosine * min(1.0, (step + 1) / max(config.warmup_steps, 1))


def ema_decay_at(step: int, config: TrainConfig) -> float:
    """Memory of the average after one step: short at first, while weights move fast.

    >>> ema_decay_at(0, TrainConfig())
    0.1
    """
    return min(config.ema_decay, (1 + step) / (10 + step))
