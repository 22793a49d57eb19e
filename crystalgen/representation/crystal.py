"""A crystal as space group, orbits and free parameters: exactly symmetric by design."""

from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from math import gcd

import numpy as np
from jaxtyping import Float64, Int

from crystalgen.errors import RepresentationError
from crystalgen.representation.elements import RANKS, SYMBOLS
from crystalgen.symmetry.lattice import constrain
from crystalgen.symmetry.wyckoff import (
    LATTICE_POINTS,
    LETTERS,
    crystal_system,
    wyckoff_table,
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SymmetricCrystal:
    """A crystal in the standard setting of its space group.

    Compare two by `canonicalize` and their fields; `==` is identity.

    Raises:
        RepresentationError: Fields that spell no crystal.
    """

    space_group: int
    """1 to 230."""
    wyckoff: tuple[int, ...]
    """Index of the Wyckoff position of each orbit (0 is a), non-decreasing; a position
    without free parameters occurs once at most."""
    species: tuple[int, ...]
    """Atomic number of each orbit, 1 to 118."""
    free_coords: Float64[np.ndarray, "orbits 3"]
    """Parameters x, y, z of each orbit in [0, 1); 0 where its position uses none."""
    lattice_parameters: Float64[np.ndarray, "6"]
    """a, b, c (Å), alpha, beta, gamma (degrees) of the conventional cell, obeying the
    crystal system exactly."""

    def __post_init__(self) -> None:
        if not 1 <= self.space_group <= 230:
            raise RepresentationError(
                f"space group: got {self.space_group}; expected 1 to 230"
            )
        _check_orbits(self)
        _check_parameters(self)

    @property
    def n_orbits(self) -> int:
        """Number of orbits."""
        return len(self.wyckoff)

    @property
    def orbit_sizes(self) -> tuple[int, ...]:
        """Atoms of each orbit in the primitive cell."""
        sizes = primitive_multiplicities(self.space_group)
        return tuple(sizes[index] for index in self.wyckoff)

    @property
    def n_atoms(self) -> int:
        """Atoms in the primitive cell."""
        return sum(self.orbit_sizes)

    @property
    def composition(self) -> dict[int, int]:
        """Atoms of each element (by atomic number) in the primitive cell."""
        counts: Counter[int] = Counter()
        for number, size in zip(self.species, self.orbit_sizes, strict=True):
            counts[number] += size
        return dict(sorted(counts.items(), key=lambda item: RANKS[item[0] - 1]))

    @property
    def formula(self) -> str:
        """Reduced formula from the least electronegative element on, "Na2SO4"."""
        counts = self.composition
        unit = gcd(*counts.values())
        parts = (
            f"{SYMBOLS[number - 1]}{count // unit if count > unit else ''}"
            for number, count in counts.items()
        )
        return "".join(parts)

    @property
    def label(self) -> str:
        """Space group and letters, "225:a.b": the template without its species."""
        letters = ".".join(LETTERS[index] for index in self.wyckoff)
        return f"{self.space_group}:{letters}"


@lru_cache(maxsize=230)
def primitive_multiplicities(number: int) -> tuple[int, ...]:
    """Atoms per primitive cell of each Wyckoff position of a space group.

    >>> primitive_multiplicities(225)[:3]
    (1, 1, 2)
    """
    entry = wyckoff_table()[str(number)]
    n_centring = LATTICE_POINTS[str(entry["symbol"])[0]]
    return tuple(int(n) // n_centring for n in str(entry["multiplicities"]).split())


@lru_cache(maxsize=230)
def free_parameters(number: int) -> Int[np.ndarray, "letters 3"]:
    """1 where a Wyckoff position of a space group uses x, y or z, else 0."""
    triplets = str(wyckoff_table()[str(number)]["wyckoff"]).split()
    uses = [[int(axis in triplet) for axis in "xyz"] for triplet in triplets]
    return np.array(uses, dtype=np.int64)


def _check_orbits(crystal: SymmetricCrystal) -> None:
    group, wyckoff = crystal.space_group, crystal.wyckoff
    n_letters = len(primitive_multiplicities(group))
    n_rows = len(crystal.free_coords)
    if not len(wyckoff) == len(crystal.species) == n_rows > 0:
        raise RepresentationError(
            f"crystal: got {len(wyckoff)} Wyckoff positions, {len(crystal.species)} "
            f"species and {n_rows} rows of coordinates; expected one of each per "
            "orbit, and an orbit at least"
        )
    for number in crystal.species:
        if not 1 <= number <= 118:
            raise RepresentationError(f"species: got {number}; expected 1 to 118")
    free = free_parameters(group)
    last = 0
    for place, index in enumerate(wyckoff):
        if not 0 <= index < n_letters:
            raise RepresentationError(
                f"Wyckoff position of orbit {place}: got index {index}; expected 0 to "
                f"{n_letters - 1}, the positions of group {group}"
            )
        if index < last or (place and index == last and not free[index].any()):
            raise RepresentationError(
                f"Wyckoff positions: got {wyckoff} in group {group}; expected them in "
                "order, and a position without free parameters once"
            )
        last = index


def _check_parameters(crystal: SymmetricCrystal) -> None:
    coords, parameters = crystal.free_coords, crystal.lattice_parameters
    unused = free_parameters(crystal.space_group)[list(crystal.wyckoff)] == 0
    if not (coords.min() >= 0 and coords.max() < 1) or coords[unused].any():
        raise RepresentationError(
            f"free coordinates: got {coords.tolist()}; expected [0, 1), and 0 where "
            f"the Wyckoff positions {crystal.label} use none"
        )
    system = crystal_system(crystal.space_group)
    obeyed = constrain(parameters, system)
    if not np.abs(obeyed - parameters).max() < 1e-9 or parameters[:3].min() <= 0:
        raise RepresentationError(
            f"lattice parameters: got {parameters.tolist()}; expected a {system} cell, "
            f"for example {np.round(obeyed, 4).tolist()}"
        )
