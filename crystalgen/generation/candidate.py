"""A generated crystal, and the count of what became of the draws."""

from collections import Counter
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from crystalgen.generation.expectation import Expectation
from crystalgen.representation.crystal import SymmetricCrystal

if TYPE_CHECKING:
    from ase import Atoms
    from pymatgen.core import Structure


@dataclass(frozen=True, slots=True, kw_only=True)
class Codes:
    """The discrete latents of a crystal.

    Attributes:
        crystal: Codes of the crystal as a whole; -1 where the geometry is the most
            likely one and no codes of it were drawn.
        roles: Species codes of each distinct element, in order of first appearance.
        orbits: Geometry codes of each orbit; 0 where nothing is free.
    """

    crystal: tuple[int, ...]
    roles: tuple[tuple[int, ...], ...]
    orbits: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A generated crystal.

    Attributes:
        index: Number of the draw it came from.
        crystal: The crystal as group, orbits and free parameters.
        codes: The codes it was decoded from.
        log_prob: Log-probability of template, codes and species under the model, in
            nats, without regard to the checks inside the draw.
        is_neutral: Whether usual oxidation states of its elements cancel.
        expected: Energies, forces and stability that can be expected; None for weights
            without a critic.
    """

    index: int
    crystal: SymmetricCrystal
    codes: Codes
    log_prob: float
    is_neutral: bool
    expected: Expectation | None = None

    @property
    def space_group(self) -> int:
        """Number of the space group, 1 to 230; the one that spglib finds."""
        return self.crystal.space_group

    @property
    def formula(self) -> str:
        """Reduced formula."""
        return self.crystal.formula

    @cached_property
    def structure(self) -> "Structure":
        """The primitive cell as pymatgen's `Structure`.

        Sites come as they do from the CIF, the least electronegative element first:
        near a higher symmetry, what spglib finds may depend on their order, and in
        this one it was asked.
        """
        from crystalgen.representation.conversion import to_structure

        return to_structure(self.crystal).get_sorted_structure()

    @cached_property
    def atoms(self) -> "Atoms":
        """The primitive cell as ASE's `Atoms`."""
        from pymatgen.io.ase import AseAtomsAdaptor

        # pymatgen annotates its own stand-in for a missing ase
        atoms = AseAtomsAdaptor.get_atoms(self.structure, msonable=False)
        return atoms  # pyright: ignore[reportReturnType]

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON and databases.

        The structure is a dict of its own that monty's `MontyDecoder`, and thereby
        pymatgen, atomate2 and jobflow, make a `Structure` of again.
        """
        return {
            "index": self.index,
            "formula": self.formula,
            "space_group": self.space_group,
            "wyckoff": list(self.crystal.wyckoff),
            "is_neutral": self.is_neutral,
            "log_prob": self.log_prob,
            "expected": self.expected.as_dict() if self.expected else {},
            "codes": asdict(self.codes),
            "structure": self.structure.as_dict(),
        }


@dataclass(slots=True, kw_only=True)
class Tally:
    """What became of the draws so far; grows as candidates are taken.

    Attributes:
        drawn: Draws that were looked at.
        valid: Those that gave a valid crystal.
        unique: Those that also gave a crystal not seen before.
        rejected: Why the others were left out.
        redrawn: Why attempts inside draws were repeated.
    """

    drawn: int = 0
    valid: int = 0
    unique: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    redrawn: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What a run had when it was interrupted.

    Attributes:
        crystals: Its crystals, in order.
        indices: Numbers of the draws that they came from.
        tally: What had become of the draws up to the last of them.
    """

    crystals: tuple[SymmetricCrystal, ...]
    indices: tuple[int, ...]
    tally: Tally
