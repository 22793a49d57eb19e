"""CHGNet: energies, forces, stresses and relaxed crystals, in one thread.

    pip install -c constraints.txt chgnet==0.4.2

Deng et al., Nat. Mach. Intell. 5, 1031 (2023), doi:10.1038/s42256-023-00716-3. The
package carries its weights (0.3.0, learnt on MPtrj) and is not among our requirements.

Its energies hold the corrections of MP2020 already. Its own predictions keep the graph
of the derivatives, which only training needs; here one `autograd.grad` by the cell and
the fractional coordinates gives the same forces and stresses in half the time.
"""

import io
import warnings
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
import torch
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from ase.filters import FrechetCellFilter
from ase.optimize import FIRE, LBFGS
from ase.stress import full_3x3_to_voigt_6_stress
from ase.units import GPa
from pymatgen.core import Composition, Structure

from crystalgen.evaluation.matching import is_known, rms_displacement

if TYPE_CHECKING:
    from chgnet.model import CHGNet  # pyright: ignore[reportMissingImports]

MAX_ATOMIC_NUMBER = 94
UNKNOWN = frozenset({"Po", "At", "Rn", "Fr", "Ra"})
"""Lighter elements that its training data lack: it answers, but not sensibly."""
MIN_VOLUME = 2.0
"""Å³ per atom; a cell that shrinks below has collapsed (diamond has 5.7)."""

Optimizer = Literal["fire", "lbfgs"]
OPTIMIZERS = {"fire": FIRE, "lbfgs": LBFGS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Energy:
    """What the potential says of a crystal if only its energy is asked for."""

    energy: float
    """eV/atom."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """What the potential says of a crystal as it is."""

    energy: float
    """eV/atom."""
    largest_force: float
    """eV/Å, of the atom with the largest one."""
    pressure_gpa: float
    """A third of minus the trace of the stress: positive if the cell wants to grow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Relaxed:
    """A crystal after its relaxation."""

    energy: float
    """eV/atom."""
    largest_force: float
    pressure_gpa: float
    is_converged: bool
    """Whether the forces, those on the cell among them, fell below the limit."""
    n_steps: int
    rmsd: float | None
    """Å from the crystal as it was; None if the two do not match at all."""
    is_same: bool
    """Whether it matches the crystal as it was within the default tolerances."""
    species: list[str]
    lattice: list[list[float]]
    frac_coords: list[list[float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """A crystal that the potential or the relaxation could not do."""

    reason: str


class Task(NamedTuple):
    """A relaxation to do."""

    structure: Structure
    optimizer: Optimizer
    fmax: float
    """eV/Å."""
    max_steps: int


class Derivatives(NamedTuple):
    """Energy and what it changes by."""

    energy: float
    """eV/atom."""
    forces: np.ndarray
    """eV/Å, by atom."""
    stress_gpa: np.ndarray
    """The full tensor, positive under tension."""


def check_installed() -> str:
    """Name and version of the package; ends with one line if it cannot be imported."""
    try:
        import chgnet  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise SystemExit(
            f"this benchmark needs CHGNet ({error}); pip install chgnet==0.4.2"
        ) from error
    return f"chgnet {chgnet.__version__}"


def is_accepted(composition: Composition) -> bool:
    """Whether the potential knows all elements of a crystal.

    >>> [is_accepted(Composition(text)) for text in ("PuO2", "AmO2", "RaO")]
    [True, False, False]
    """
    return all(
        each.Z <= MAX_ATOMIC_NUMBER and each.symbol not in UNKNOWN
        for each in composition.elements
    )


def energy_of(structure: Structure) -> Energy | Failed:
    """Energy of a crystal as it is."""
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            model = load()
            energy = model([model.graph_converter(structure)], task="e")["e"].item()
    except (ArithmeticError, LookupError, RuntimeError, ValueError) as error:
        return _failed(error)
    if not np.isfinite(energy):
        return Failed(reason="energy is not finite")
    return Energy(energy=energy)


def point_of(structure: Structure) -> Point | Failed:
    """Energy, largest force and pressure of a crystal as it is."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _summary(derivatives(structure))
    except (ArithmeticError, LookupError, RuntimeError, ValueError) as error:
        return _failed(error)


def relax(task: Task) -> Relaxed | Failed:
    """Relax cell and positions of a crystal and see how far it moved."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _relax(task)
    except (ArithmeticError, LookupError, RuntimeError, ValueError) as error:
        return _failed(error)


def _relax(task: Task) -> Relaxed:
    atoms = Atoms(
        [each.symbol for each in task.structure.species],
        scaled_positions=task.structure.frac_coords,
        cell=task.structure.lattice.matrix,
        pbc=True,
        calculator=ChgnetCalculator(),
    )
    optimizer = OPTIMIZERS[task.optimizer](FrechetCellFilter(atoms), logfile=None)
    is_converged = optimizer.run(fmax=task.fmax, steps=task.max_steps)
    moved = _structure(atoms)
    point = _summary(derivatives(moved))
    return Relaxed(
        energy=point.energy,
        largest_force=point.largest_force,
        pressure_gpa=point.pressure_gpa,
        is_converged=bool(is_converged),
        n_steps=int(optimizer.nsteps),
        rmsd=rms_displacement(task.structure, moved),
        is_same=is_known(moved, [task.structure]),
        species=[each.symbol for each in moved.species],
        lattice=moved.lattice.matrix.round(6).tolist(),
        frac_coords=moved.frac_coords.round(6).tolist(),
    )


class ChgnetCalculator(Calculator):
    """The potential as ASE's optimizers call it."""

    implemented_properties = ["energy", "forces", "stress"]  # noqa: RUF012 (ASE's way)

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: Sequence[str] = ("energy",),
        system_changes: Sequence[str] = tuple(all_changes),
    ) -> None:
        """All properties at once.

        Raises:
            ValueError: As for `derivatives`.
        """
        super().calculate(atoms, properties, system_changes)
        if atoms is None:
            raise ValueError("no atoms to calculate")
        found = derivatives(_structure(atoms))
        energy = found.energy * len(atoms)
        self.results = {
            "energy": energy,
            "free_energy": energy,
            "forces": found.forces,
            "stress": full_3x3_to_voigt_6_stress(found.stress_gpa * GPa),
        }


def derivatives(structure: Structure) -> Derivatives:
    """Energy, forces and stress of a crystal.

    Raises:
        ValueError: The cell has collapsed, an atom has no neighbour within 6 Å, or a
            number is not finite.
    """
    if structure.volume < MIN_VOLUME * len(structure):
        raise ValueError("the cell has collapsed")
    model = load()
    graph = model.graph_converter(structure)
    cell = graph.lattice.detach().requires_grad_()
    frac = graph.atom_frac_coord.detach().requires_grad_()
    graph.lattice, graph.atom_frac_coord = cell, frac
    energy = model([graph], task="e")["e"]
    by_frac, by_cell = (
        each.double().numpy()
        for each in torch.autograd.grad(energy.sum() * len(structure), [frac, cell])
    )
    lattice = structure.lattice.matrix
    stress = lattice.T @ by_cell / structure.volume  # of a strain at fixed frac
    found = Derivatives(
        energy=energy.item(),
        forces=-by_frac @ np.linalg.inv(lattice).T,
        stress_gpa=(stress + stress.T) / 2 / GPa,
    )
    if not all(np.isfinite(part).all() for part in found):
        raise ValueError("energy, forces or stress are not finite")
    return found


@lru_cache(maxsize=1)
def load() -> "CHGNet":
    """The pretrained model, once per process."""
    from chgnet.model import CHGNet  # pyright: ignore[reportMissingImports]

    torch.set_num_threads(1)
    with redirect_stdout(io.StringIO()):  # it prints its size
        model = CHGNet.load(use_device="cpu", verbose=False)
    model.graph_converter.set_isolated_atom_response("error")
    return model.eval().requires_grad_(False)


def _summary(found: Derivatives) -> Point:
    return Point(
        energy=found.energy,
        largest_force=float(np.linalg.norm(found.forces, axis=1).max()),
        pressure_gpa=float(-np.trace(found.stress_gpa) / 3),
    )


def _structure(atoms: Atoms) -> Structure:
    return Structure(
        atoms.cell.array, atoms.get_chemical_symbols(), atoms.get_scaled_positions()
    )


def _failed(error: Exception) -> Failed:
    return Failed(reason=f"{type(error).__name__}: {error}".splitlines()[0][:200])
