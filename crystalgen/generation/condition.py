"""A property that crystals shall have: a value, or a range of values."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from crystalgen.errors import RequestError

MOST_GUIDANCE = 20
"""Beyond it draws can hardly differ."""
_NUMBER = r"([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|[+-]?(?:inf|nan))"
_SPELLING = re.compile(rf"\s*([^=\s]+)\s*=\s*{_NUMBER}\s*(?::\s*{_NUMBER}\s*)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One property that every crystal is asked to have.

    >>> Condition.parse("band_gap=1:3")
    Condition(name='band_gap', low=1.0, high=3.0)

    Raises:
        RequestError: A limit is no finite number, or the higher one comes first.
    """

    name: str
    """Column of the training data."""
    low: float
    """Smallest value, in the unit of the column."""
    high: float
    """Largest value; the same for a single one."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "low", float(self.low))
        object.__setattr__(self, "high", float(self.high))
        if not (math.isfinite(self.low) and math.isfinite(self.high)):
            raise RequestError(
                f"condition {self.name}: got {self.spelling}; expected finite numbers"
            )
        if self.low > self.high:
            raise RequestError(
                f"condition {self.name}: got {self.spelling}; expected the lower value "
                f"first, {self.high:g}:{self.low:g}"
            )

    @classmethod
    def parse(cls, text: str) -> "Condition":
        """Read "band_gap=2" or "band_gap=1:3".

        Raises:
            RequestError: The text is spelled otherwise, or its numbers are wrong.
        """
        parts = _SPELLING.fullmatch(text)
        if not parts:
            raise RequestError(
                f"condition: got {text!r}; expected a property and a number or a range,"
                " for example band_gap=2 or band_gap=1:3"
            )
        name, low, high = parts.groups()
        return cls(name=name, low=float(low), high=float(high or low))

    @property
    def is_range(self) -> bool:
        """Whether more than one value will do."""
        return self.low != self.high

    @property
    def spelling(self) -> str:
        """As `parse` reads it.

        >>> Condition(name="band_gap", low=2.0, high=2.0).spelling
        'band_gap=2'
        """
        values = f"{self.low:g}:{self.high:g}" if self.is_range else f"{self.low:g}"
        return f"{self.name}={values}"


def is_spelled(text: str) -> bool:
    """Whether a text spells a condition.

    >>> is_spelled("band_gap=2"), is_spelled("band_gap>2")
    (True, False)
    """
    return _SPELLING.fullmatch(text) is not None


def check_conditions(
    conditions: Sequence[Condition], guidance: float, *, usual: float
) -> None:
    """Refuse conditions that exclude each other, and guidance that is out of range.

    Args:
        conditions: What is asked for.
        guidance: How hard to insist.
        usual: Guidance that stands for none asked for.

    Raises:
        RequestError: A property is asked for twice, or the guidance means nothing.
    """
    names = [each.name for each in conditions]
    for name in names:
        if names.count(name) > 1:
            raise RequestError(
                f"condition {name}: asked for {names.count(name)} times; give one "
                f"value, or a range such as {name}=1:3"
            )
    if not 0 <= guidance <= MOST_GUIDANCE:
        raise RequestError(
            f"guidance: got {guidance}; expected a number from 0 to {MOST_GUIDANCE}: "
            "0 ignores conditions, 1 takes them as they are, more insists"
        )
    if guidance != usual and not conditions:
        raise RequestError(
            f"guidance: got {guidance} without a condition; add one, for example "
            "--condition band_gap=2"
        )
