"""What a crystal can change without leaving its space group, and what that costs.

Variables are scaled so that the Hessian of a usual crystal is about the unit matrix.
"""

from typing import NamedTuple

import numpy as np
import torch
from ase.units import GPa
from jaxtyping import Float
from pymatgen.core import Lattice, Structure

from crystalgen.model.cell import vector_parameters
from crystalgen.model.strain import allowed_strain
from crystalgen.representation.crystal import SymmetricCrystal, free_parameters
from crystalgen.representation.elements import SYMBOLS
from crystalgen.representation.frame import frame_of
from crystalgen.symmetry.lattice import constrain, lattice_matrix
from crystalgen.symmetry.wyckoff import crystal_system
from potential import derivatives

STIFFNESS = 6.0
"""eV/Å² of an atom."""
ELASTICITY = 0.6
"""eV/Å³ of a cell."""
MAX_SHIFT, MAX_STRAIN = 0.15, 0.05
"""Å and relative; longer steps are shortened."""


class Point(NamedTuple):
    """The potential at one place."""

    energy: float
    """eV per cell."""
    gradient: Float[np.ndarray, " variables"]
    """By the scaled variables."""
    largest_force: float
    largest_stress: float


class Freedom:
    """What a crystal can change without leaving its group, as scaled variables.

    First the free coordinates of its orbits, then strains.

    Args:
        crystal: Where to start from.
    """

    def __init__(self, crystal: SymmetricCrystal) -> None:
        self.crystal = crystal
        self.frame = frame_of(crystal.space_group, crystal.wyckoff)
        free = free_parameters(crystal.space_group)[list(crystal.wyckoff)] > 0
        self.free = np.argwhere(free)
        self.lattice = self.frame.vectors @ lattice_matrix(crystal.lattice_parameters)
        self.strains = strain_basis(crystal.space_group)
        maps = self.frame.maps[self.frame.representative]
        self.reach = np.array(
            [
                np.linalg.norm(maps[orbit][:, axis] @ self.lattice)
                for orbit, axis in self.free
            ]
        )
        sizes = np.array(crystal.orbit_sizes)
        springs = np.sqrt(STIFFNESS * sizes[self.free[:, 0]])
        self.volume = float(np.linalg.det(self.lattice))
        cell = np.full(len(self.strains), np.sqrt(ELASTICITY * self.volume))
        self.scale = np.concatenate([self.reach * springs, cell])
        numbers = np.array(crystal.species)[self.frame.orbit]
        self.symbols = [SYMBOLS[number - 1] for number in numbers]

    def place(self, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Coordinates of the orbits and deformation of the cell at some variables."""
        change = at / self.scale
        n = len(self.free)
        coords = self.crystal.free_coords.copy()
        coords[self.free[:, 0], self.free[:, 1]] += change[:n]
        strain = np.einsum("k,kij->ij", change[n:], self.strains)
        return coords, np.eye(3) + strain

    def point(self, at: np.ndarray) -> Point:
        """Ask the potential.

        Raises:
            ValueError: As for `potential.derivatives`.
        """
        coords, deformation = self.place(at)
        lattice = self.lattice @ deformation
        frame = self.frame
        places = np.einsum("aij,aj->ai", frame.maps, coords[frame.orbit]) + frame.shifts
        found = derivatives(Structure(Lattice(lattice), self.symbols, places))
        by_place = -found.forces @ lattice.T
        by_coords = np.zeros((len(coords), 3))
        np.add.at(by_coords, frame.orbit, np.einsum("ai,aij->aj", by_place, frame.maps))
        stress = found.stress_gpa * GPa
        volume = abs(np.linalg.det(lattice))
        # of the deformation F, at fixed fractions: dE/dF = V F^-T stress
        by_strain = volume * np.linalg.inv(deformation).T @ stress
        along = np.einsum("ij,kij->k", by_strain, self.strains)
        gradient = np.concatenate([by_coords[self.free[:, 0], self.free[:, 1]], along])
        return Point(
            energy=found.energy * len(places),
            gradient=gradient / self.scale,
            largest_force=float(np.linalg.norm(found.forces, axis=1).max()),
            largest_stress=float(np.abs(along).max(initial=0.0) / volume),
        )

    def shortened(self, step: np.ndarray) -> np.ndarray:
        """The same step, as far as it goes without moving anything too far."""
        change, n = np.abs(step / self.scale), len(self.free)
        farthest = max(
            1.0,
            (change[:n] * self.reach).max(initial=0.0) / MAX_SHIFT,
            change[n:].max(initial=0.0) / MAX_STRAIN,
        )
        return step / farthest

    def parameters(self, deformation: np.ndarray) -> np.ndarray:
        """Lattice parameters of the conventional cell after a deformation."""
        after = np.linalg.solve(self.frame.vectors, self.lattice @ deformation)
        found = vector_parameters(torch.from_numpy(after)[None])[0].numpy()
        return constrain(found, crystal_system(self.crystal.space_group))


def strain_basis(group: int) -> np.ndarray:
    """Orthonormal strains that a space group allows."""
    every = torch.eye(9).reshape(9, 3, 3)
    groups = torch.full((9,), group)
    projected = allowed_strain(groups, 0.5 * (every + every.transpose(1, 2)))
    _, sizes, basis = np.linalg.svd(projected.reshape(9, 9).double().numpy())
    return basis[sizes > 1e-6].reshape(-1, 3, 3)
