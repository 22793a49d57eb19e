"""All figures of an evaluation in one value, and as JSON."""

import json
import math
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum

from crystalgen.evaluation.coverage import Coverage
from crystalgen.evaluation.distribution import Distances
from crystalgen.evaluation.novelty import Novelty
from crystalgen.evaluation.reconstruction import Reconstruction
from crystalgen.evaluation.summary import Share, Summary

REPORT_VERSION = 1
Json = str | int | float | bool | None | list["Json"] | dict[str, "Json"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The figures of a set of crystals."""

    version: int = REPORT_VERSION
    source: str
    """What was judged."""
    versions: dict[str, str]
    """Of the packages that judged, by name; oxidation states are those of SMACT."""
    summary: Summary
    unique: Share
    """Crystals that repeat no earlier one of the set, by `StructureMatcher`."""
    reference: str | None = None
    """What the distributions were compared with."""
    distances: Distances | None = None
    coverage: Coverage | None = None
    """None if it was not asked for."""
    train: str | None = None
    """What novelty refers to."""
    novelty: Novelty | None = None
    truth: str | None = None
    """The crystals that should have been hit."""
    reconstruction: Reconstruction | None = None


def to_json(report: Report) -> str:
    """The report as an indented JSON object; shares carry their percentage."""
    return json.dumps(plain(report), indent=2, allow_nan=False) + "\n"


def plain(value: object) -> Json:
    """Dataclasses, tuples and enums as JSON knows them; NaN becomes null.

    >>> plain(Share(count=1, of=4))
    {'count': 1, 'of': 4, 'percent': 25.0}
    """
    if isinstance(value, Share):
        percent = plain(round(value.percent, 4))
        return {"count": value.count, "of": value.of, "percent": percent}
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: plain(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, Enum):
        return plain(value.value)
    if isinstance(value, (tuple, list)):
        return [plain(each) for each in value]
    if isinstance(value, dict):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, (str, int, float)):
        return value
    raise TypeError(f"{type(value).__name__} has no place in a report")
