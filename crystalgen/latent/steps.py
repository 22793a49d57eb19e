"""What the steps of all walks have in common."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from crystalgen.generation.candidate import Codes
from crystalgen.latent.decoding import Decoded, Verdict
from crystalgen.representation.conversion import expand
from crystalgen.representation.crystal import SymmetricCrystal

SAME_COORDS = 1e-3
"""Fractions of a cell within which free coordinates are the same."""
SAME_CELL = 1e-3
"""Share of a length or an angle within which cells are the same."""
REPEAT = "same crystal"
"""Why a step is left out whose crystal was there before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One crystal of a walk, written or left out.

    Attributes:
        crystal: The crystal; None if the codes spell none.
        codes: What it was decoded from.
        change: What was changed since the step before, "cell.1 12 -> 40, template";
            empty at the start.
        distance: Codes that differ from those of the end of the walk or, where it has
            none, from those of its start; another template counts as one.
        log_likelihood: Of codes and elements given group, positions and roles, in nats.
        fault: Why it is left out; empty for a valid crystal.
        is_mended: Whether its atoms were too close and have been moved apart.
    """

    crystal: SymmetricCrystal | None
    codes: Codes
    change: str
    distance: int
    log_likelihood: float
    fault: str
    is_mended: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """Crystals in a row.

    Attributes:
        steps: The valid and different ones, in order.
        left_out: The others that were looked at, with their faults.
        remarks: What to know about the row, in plain words.
    """

    steps: tuple[Step, ...]
    left_out: tuple[Step, ...]
    remarks: tuple[str, ...] = ()

    @property
    def faults(self) -> Counter[str]:
        """How many were left out, by reason."""
        return Counter(step.fault for step in self.left_out)

    @property
    def crystals(self) -> tuple[SymmetricCrystal, ...]:
        """The crystals of the row."""
        found = (step.crystal for step in self.steps)
        return tuple(crystal for crystal in found if crystal is not None)


def step_of(decoded: Decoded, verdict: Verdict, *, change: str, distance: int) -> Step:
    """A step from what was decoded and what the checks say of it."""
    return Step(
        crystal=verdict.crystal,
        codes=decoded.codes,
        change=change,
        distance=distance,
        log_likelihood=decoded.log_likelihood,
        fault=verdict.fault,
        is_mended=verdict.is_mended,
    )


def is_repeated(step: Step, earlier: Sequence[Step]) -> bool:
    """Whether a valid crystal is the same as an earlier one, up to rounding."""
    return step.crystal is not None and any(
        other.crystal is not None and are_same(step.crystal, other.crystal)
        for other in earlier
    )


def are_same(one: SymmetricCrystal, two: SymmetricCrystal) -> bool:
    """Whether two descriptions agree, their numbers up to small differences."""
    if (one.space_group, one.wyckoff, one.species) != (
        two.space_group,
        two.wyckoff,
        two.species,
    ):
        return False
    apart = one.free_coords - two.free_coords
    apart -= np.rint(apart)
    ratio = one.lattice_parameters / two.lattice_parameters
    return bool(
        np.abs(apart).max() < SAME_COORDS and np.abs(ratio - 1).max() < SAME_CELL
    )


def volume_per_atom(crystal: SymmetricCrystal) -> float:
    """Volume of the cell over its atoms, in Å^3."""
    lattice = expand(crystal).lattice
    return float(abs(np.linalg.det(lattice))) / crystal.n_atoms
