"""How the temperature of a relaxation falls during a run.

A schedule is a value and its temperature a pure function of progress: it keeps no
step counter, so a resumed run goes on where it stopped.
"""

import math
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class TemperatureSchedule:
    """From a warm start, where gradients are smooth, down to a floor.

    With p the share of the way to the floor that lies behind, in [0, 1]:

        exponential   start (end / start)^p
        cosine        end + (start - end) (1 + cos(pi p)) / 2
        linear        start + (end - start) p

    Raises:
        ValueError: Not start >= end > 0, or ``fraction`` is not in (0, 1].
    """

    kind: Literal["exponential", "cosine", "linear"] = "exponential"
    """Shape of the way down; Jang et al. (2017) use the exponential."""
    start: float = 1.0
    """Temperature at progress 0."""
    end: float = 0.4
    """The floor: temperature from progress ``fraction`` on."""
    fraction: float = 0.7
    """Share of the run that the way down takes."""

    def __post_init__(self) -> None:
        if not 0 < self.end <= self.start < math.inf:
            raise ValueError(
                f"temperatures must be start >= end > 0, "
                f"got start = {self.start} and end = {self.end}"
            )
        if not 0 < self.fraction <= 1:
            raise ValueError(f"fraction must lie in (0, 1], got {self.fraction}")


def temperature(schedule: TemperatureSchedule, progress: float) -> float:
    """Temperature when a share ``progress`` of the run, in [0, 1], is over.

    It never rises, is exactly ``start`` at 0 and exactly ``end`` from ``fraction`` on.

    Raises:
        ValueError: ``progress`` is outside [0, 1].

    >>> schedule = TemperatureSchedule(kind="linear", start=1.0, end=0.5, fraction=0.5)
    >>> [temperature(schedule, progress) for progress in (0.0, 0.25, 0.5, 1.0)]
    [1.0, 0.75, 0.5, 0.5]
    """
    if not 0 <= progress <= 1:
        raise ValueError(f"progress must lie in [0, 1], got {progress}")
    if progress >= schedule.fraction:
        return schedule.end
    start, end, way = schedule.start, schedule.end, progress / schedule.fraction
    match schedule.kind:
        case "exponential":
            value = start * (end / start) ** way
        case "cosine":
            value = end + (start - end) * (1 + math.cos(math.pi * way)) / 2
        case "linear":
            value = start + (end - start) * way
    return min(start, max(end, value))  # rounding may step over either end
