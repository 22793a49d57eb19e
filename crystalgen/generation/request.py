"""What a user asks for, as one value."""

from dataclasses import dataclass

from crystalgen.errors import RequestError


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to generate.

    Raises:
        RequestError: A value is out of range.
    """

    n: int = 100
    """Valid and unique crystals wanted."""
    space_groups: tuple[int, ...] = ()
    """Numbers of the space groups to draw from, 1 to 230; empty for all."""
    max_atoms: int | None = None
    """Most atoms in the primitive cell; None for the most the model was trained on."""
    temperature: float = 1.0
    """Of every discrete draw: 1 samples the model as it is, less is more typical."""
    allow_known: bool = False
    """Also crystals with the group, positions and elements of a training crystal."""
    vary_geometry: bool = False
    """Draw the geometry, too, rather than take the most likely one for the species."""

    def __post_init__(self) -> None:
        if self.n < 1:
            raise RequestError(f"n: got {self.n}; expected at least 1 crystal")
        for number in self.space_groups:
            if not 1 <= number <= 230:
                raise RequestError(
                    f"space group: got {number}; expected a number from 1 to 230"
                )
        if self.max_atoms is not None and self.max_atoms < 1:
            raise RequestError(
                f"max atoms: got {self.max_atoms}; expected at least 1 atom"
            )
        if not 0 < self.temperature <= 10:
            raise RequestError(
                f"temperature: got {self.temperature}; expected a number above 0 and "
                "up to 10 (1 samples the model as it is)"
            )
