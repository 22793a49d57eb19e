"""What a user asks for, as one value."""

from dataclasses import dataclass

from crystalgen.errors import RequestError
from crystalgen.generation.condition import Condition, check_conditions
from crystalgen.generation.consistency import check_consistency
from crystalgen.generation.spelling import (
    anonymous_counts,
    anonymous_formula,
    formula_counts,
    normal_symbols,
    normal_systems,
)

GUIDANCE = 3.0
"""Guidance unless another is asked for."""
CHOICES = 8
"""Compositions to choose from unless another number is asked for."""
MAX_CHOICES = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to generate.

    All that is asked for holds for every crystal. `dataclasses.asdict` makes it JSON,
    `crystalgen.config.build` reads it back.

    Raises:
        RequestError: A value is out of range, or two of them exclude each other.
    """

    n: int = 100
    """Valid and unique crystals wanted."""
    space_groups: tuple[int, ...] = ()
    """Numbers of the space groups to draw from, 1 to 230; empty for all."""
    crystal_systems: tuple[str, ...] = ()
    """Crystal systems to draw from, "triclinic" to "cubic"; empty for all."""
    chemical_system: tuple[str, ...] = ()
    """Exactly these elements, each of them in every crystal; empty for any."""
    elements: tuple[str, ...] = ()
    """Only these elements, not necessarily all of them; empty for all."""
    require: tuple[str, ...] = ()
    """Elements that every crystal has, among others."""
    exclude: tuple[str, ...] = ()
    """Elements that no crystal has."""
    formula: str = ""
    """Exact composition, for example "LiFePO4"; empty for any."""
    z: int | None = None
    """Formula units, as the formula is written, in the primitive cell; None for any
    number of which some multiple of the reduced formula is made."""
    anonymous_formula: str = ""
    """Ratio of the amounts, whatever the elements: "ABC3"; empty for any."""
    n_elements: tuple[int, int] | None = None
    """Fewest and most distinct elements; None for any number."""
    min_atoms: int | None = None
    """Fewest atoms in the primitive cell."""
    max_atoms: int | None = None
    """Most atoms in the primitive cell; None for the most the model was trained on."""
    charge_neutral: bool = True
    """Only crystals whose usual oxidation states cancel, and metals."""
    temperature: float = 1.0
    """Of every discrete draw: 1 samples the model as it is, less is more typical."""
    allow_known: bool = False
    """Also crystals with the group, positions and elements of a training crystal."""
    choices: int = CHOICES
    """Compositions drawn for each crystal, among which the critic chooses; 1 takes the
    first. Of no effect on weights without a critic."""
    vary_geometry: bool = False
    """Draw the geometry, too, rather than take the most likely one for the species."""
    min_stability: float = 0.0
    """Least probability to lie within 0.1 eV/atom of the hull, 0 to 1; 0 for any. See
    `crystalgen.generation.expectation`."""
    conditions: tuple[Condition, ...] = ()
    """Properties that the crystals are drawn to have, nearly; empty for any."""
    guidance: float = GUIDANCE
    """How hard to insist on the conditions: 0 ignores them, 1 takes them as they are,
    see `crystalgen.model.guidance`."""

    def __post_init__(self) -> None:
        if self.n < 1:
            raise RequestError(f"n: got {self.n}; expected at least 1 crystal")
        self._normalize()
        for number in self.space_groups:
            if not 1 <= number <= 230:
                raise RequestError(
                    f"space group: got {number}; expected a number from 1 to 230"
                )
        for name in ("min_atoms", "max_atoms", "z"):
            value = getattr(self, name)
            if value is not None and value < 1:
                what = "formula unit" if name == "z" else "atom"
                raise RequestError(
                    f"{name.replace('_', ' ')}: got {value}; expected at least 1 {what}"
                )
        if not 1 <= self.choices <= MAX_CHOICES:
            raise RequestError(
                f"choices: got {self.choices}; expected a number from 1 to "
                f"{MAX_CHOICES} (1 takes the first composition)"
            )
        if not 0 < self.temperature <= 10:
            raise RequestError(
                f"temperature: got {self.temperature}; expected a number above 0 and "
                "up to 10 (1 samples the model as it is)"
            )
        if not 0 <= self.min_stability < 1:
            raise RequestError(
                f"min stability: got {self.min_stability}; expected a probability from"
                " 0 (any crystal) to below 1, such as 0.9"
            )
        check_conditions(self.conditions, self.guidance, usual=GUIDANCE)
        check_consistency(self)

    @property
    def asks_for_symmetry(self) -> bool:
        """Whether the group or the size of the primitive cell is asked for."""
        sizes = (self.z, self.min_atoms, self.max_atoms)
        is_sized = any(size is not None for size in sizes)
        return bool(self.space_groups or self.crystal_systems) or is_sized

    @property
    def composition(self) -> dict[str, int]:
        """Atoms of each element in the formula as it is written; empty for any."""
        return formula_counts(self.formula) if self.formula else {}

    def _normalize(self) -> None:
        """Write every value in the one way that equal requests share."""
        for name in ("chemical_system", "elements", "require", "exclude"):
            symbols = normal_symbols(getattr(self, name), where=name.replace("_", " "))
            object.__setattr__(self, name, symbols)
        ordered = sorted(self.conditions, key=lambda each: each.name)
        object.__setattr__(self, "conditions", tuple(ordered))
        systems = normal_systems(self.crystal_systems)
        object.__setattr__(self, "crystal_systems", systems)
        if self.formula:
            formula_counts(self.formula)
            object.__setattr__(self, "formula", self.formula.strip())
        if self.anonymous_formula:
            counts = anonymous_counts(self.anonymous_formula)
            object.__setattr__(self, "anonymous_formula", anonymous_formula(counts))
