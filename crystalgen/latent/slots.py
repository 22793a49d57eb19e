"""The codes of a crystal by name and number.

A crystal has codes for each distinct element ("species1.1", "species1.2", "species2.1"
...), for itself as a whole ("cell.1" ...) and for each orbit with free coordinates
("orbit3.1" ...). They are numbered from 1 in this order. Elements and orbits are
counted from 1 in the order in which the crystal's description names them.
"""

from dataclasses import dataclass, replace
from typing import Literal

from crystalgen.errors import RequestError
from crystalgen.generation.candidate import Codes
from crystalgen.generation.encoding import templates_of
from crystalgen.generation.weights import Weights
from crystalgen.representation.crystal import SymmetricCrystal

Part = Literal["species", "cell", "orbit"]
"""What a code is about."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Slot:
    """A place for one code.

    Attributes:
        part: What the code is about.
        token: Which element or orbit, counted from 0; 0 for the cell.
        code: Which of the codes of the token, counted from 0.
    """

    part: Part
    token: int
    code: int

    @property
    def name(self) -> str:
        """The name that users know it by.

        >>> Slot(part="orbit", token=2, code=0).name
        'orbit3.1'
        """
        number = "" if self.part == "cell" else str(self.token + 1)
        return f"{self.part}{number}.{self.code + 1}"

    @property
    def codebook(self) -> str:
        """The codebook that its values are entries of, common to all crystals.

        >>> Slot(part="orbit", token=2, code=0).codebook
        'orbit.1'
        """
        return f"{self.part}.{self.code + 1}"


def slots_of(weights: Weights, crystal: SymmetricCrystal) -> tuple[Slot, ...]:
    """All codes that a crystal has, in the order of their numbers."""
    n_species, _ = weights.config.species_codes
    n_geometry, _ = weights.config.geometry_codes
    _, templates = templates_of(weights, [crystal])
    is_coded = weights.networks.coded_orbits(templates)[0].tolist()
    slots: list[Slot] = []
    for role in range(len(set(crystal.species))):
        slots += _row("species", role, n_species)
    slots += _row("cell", 0, n_geometry)
    for orbit, is_free in enumerate(is_coded):
        if is_free:
            slots += _row("orbit", orbit, n_geometry)
    return tuple(slots)


def find_slot(slots: tuple[Slot, ...], name: str) -> Slot:
    """The code that a user names, by its number or by its name.

    Raises:
        RequestError: The crystal has no such code.
    """
    by_name = {slot.name: slot for slot in slots}
    by_name |= {str(number): slot for number, slot in enumerate(slots, start=1)}
    if name not in by_name:
        names = ", ".join(f"{n} {slot.name}" for n, slot in enumerate(slots, start=1))
        raise RequestError(f"code: got {name!r}; this crystal has {names}")
    return by_name[name]


def value(codes: Codes, slot: Slot) -> int:
    """The value of one code."""
    match slot.part:
        case "species":
            return codes.roles[slot.token][slot.code]
        case "cell":
            return codes.crystal[slot.code]
        case "orbit":
            return codes.orbits[slot.token][slot.code]


def changed(codes: Codes, slot: Slot, new: int) -> Codes:
    """The same codes but for one, which has a new value.

    >>> codes = Codes(crystal=(4, 5), roles=((1,), (2,)), orbits=((0, 0),))
    >>> changed(codes, Slot(part="cell", token=0, code=1), 7).crystal
    (4, 7)
    """
    match slot.part:
        case "species":
            return replace(codes, roles=_set(codes.roles, slot, new))
        case "cell":
            return replace(codes, crystal=_put(codes.crystal, slot.code, new))
        case "orbit":
            return replace(codes, orbits=_set(codes.orbits, slot, new))


def n_values(weights: Weights, slot: Slot) -> int:
    """How many values a code can have."""
    config = weights.config
    shape = config.species_codes if slot.part == "species" else config.geometry_codes
    return shape[1]


def _row(part: Part, token: int, n_codes: int) -> list[Slot]:
    return [Slot(part=part, token=token, code=code) for code in range(n_codes)]


def _set(
    rows: tuple[tuple[int, ...], ...], slot: Slot, new: int
) -> tuple[tuple[int, ...], ...]:
    row = _put(rows[slot.token], slot.code, new)
    return (*rows[: slot.token], row, *rows[slot.token + 1 :])


def _put(row: tuple[int, ...], place: int, new: int) -> tuple[int, ...]:
    return (*row[:place], new, *row[place + 1 :])
