"""Moves atoms that were drawn too close apart, without leaving the space group.

Only the free coordinates of the orbits and the size of the cell move, so every
operation of the group stays exact. The sum of squared overlaps

    E = Σ_k m_k Σ_j max(0, t_kj - d_kj)²

over representatives k of the orbits (m_k atoms each), all atoms j and their images goes
down by gradient steps; t is the limit of a pair of elements and a little more. It mends
a geometry that is nearly right, and knows nothing of energies: what comes out is
checked like any other draw.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from crystalgen.representation.conversion import expand, primitive_maps
from crystalgen.representation.crystal import SymmetricCrystal, free_parameters

MARGIN = 1.06
"""Wanted distance as a multiple of the limit."""
STEPS = 80
STEP_SIZE = 0.01
"""First step of a coordinate (fraction of a cell) and of the logarithm of the edges."""
MAX_GROWTH = 0.12
"""Most that the logarithm of the edges may grow."""


def separate(
    crystals: Sequence[SymmetricCrystal], limits: Float[np.ndarray, "species species"]
) -> list[SymmetricCrystal]:
    """Crystals with the same groups, positions and species, their atoms apart.

    Args:
        crystals: Crystals whose cells close.
        limits: Smallest distance in Å of each pair of elements.

    Returns:
        One for each; atoms may still be too close.
    """
    with torch.inference_mode(mode=False), torch.enable_grad():
        coords, growth = _descend(_Overlap(crystals, limits))
    return [
        replace(
            crystal,
            free_coords=_wrapped(coords[row, : crystal.n_orbits]),
            lattice_parameters=crystal.lattice_parameters
            * np.repeat([np.exp(growth[row]), 1.0], 3),
        )
        for row, crystal in enumerate(crystals)
    ]


def _wrapped(coords: Float[np.ndarray, "orbits 3"]) -> Float[np.ndarray, "orbits 3"]:
    wrapped = coords - np.floor(coords)
    wrapped[wrapped >= 1.0] = 0.0
    return wrapped


class _Overlap:
    """The energy of a padded batch of crystals."""

    def __init__(
        self,
        crystals: Sequence[SymmetricCrystal],
        limits: Float[np.ndarray, "species species"],
    ) -> None:
        cells = [expand(crystal) for crystal in crystals]
        n_atoms = max(len(cell.numbers) for cell in cells)
        n_orbits = max(crystal.n_orbits for crystal in crystals)
        shape = (len(crystals), n_atoms)
        maps = np.zeros((*shape, 3, 3))
        shifts = np.zeros((*shape, 3))
        orbit = np.zeros(shape, dtype=np.int64)
        representative = np.zeros((len(crystals), n_orbits), dtype=np.int64)
        wanted = np.zeros((len(crystals), n_orbits, n_atoms))
        weight = np.zeros((len(crystals), n_orbits))
        self.coords = np.zeros((len(crystals), n_orbits, 3))
        free = np.zeros((len(crystals), n_orbits, 3))
        for row, (crystal, cell) in enumerate(zip(crystals, cells, strict=True)):
            here, size = slice(crystal.n_orbits), slice(len(cell.numbers))
            maps[row, size], shifts[row, size] = primitive_maps(crystal)
            orbit[row, size] = cell.orbit_of_atom
            representative[row, here] = cell.representative
            elements = np.array(crystal.species)
            wanted[row, here, size] = (
                MARGIN * limits[elements[:, None], cell.numbers[None]]
            )
            weight[row, here] = np.bincount(cell.orbit_of_atom)
            self.coords[row, here] = crystal.free_coords
            free[row, here] = free_parameters(crystal.space_group)[
                list(crystal.wyckoff)
            ]
        self.free = torch.from_numpy(free).float()
        self.maps = torch.from_numpy(maps).float()
        self.shifts = torch.from_numpy(shifts).float()
        self.orbit = torch.from_numpy(orbit)
        self.representative = torch.from_numpy(representative)
        self.wanted = torch.from_numpy(wanted).float()
        self.weight = torch.from_numpy(weight).float()
        lattice = np.stack([cell.lattice for cell in cells])
        self.lattice = torch.from_numpy(lattice).float()
        steps = torch.tensor([-1.0, 0.0, 1.0])
        self.images = torch.cartesian_prod(steps, steps, steps)
        same = self.representative[:, :, None] == torch.arange(n_atoms)
        self.is_self = same[..., None] & (self.images == 0).all(dim=1)

    def __call__(
        self,
        coords: Float[Tensor, "crystals orbits 3"],
        growth: Float[Tensor, " crystals"],
    ) -> Float[Tensor, " crystals"]:
        """Energy of each crystal in Å²."""
        index = self.orbit[..., None].expand(-1, -1, 3)
        xyz = coords.gather(1, index)
        places = torch.einsum("caij,caj->cai", self.maps, xyz) + self.shifts
        index = self.representative[..., None].expand(-1, -1, 3)
        offset = places[:, None] - places.gather(1, index)[:, :, None]
        offset = offset - offset.detach().round()
        lattice = self.lattice * growth.exp()[:, None, None]
        reach = offset[..., None, :] + self.images
        squared = torch.einsum("ckasi,cij->ckasj", reach, lattice).square().sum(dim=-1)
        squared = torch.where(self.is_self, torch.inf, squared)
        distance = (squared + 1e-12).sqrt()
        overlap = (self.wanted[..., None] - distance).clamp(min=0).square()
        return (overlap.sum(dim=(2, 3)) * self.weight).sum(dim=1)


def _descend(
    energy: _Overlap,
) -> tuple[Float[np.ndarray, "crystals orbits 3"], Float[np.ndarray, " crystals"]]:
    """Coordinates and growth of the edges after gradient steps of falling length.

    Each crystal has a step length of its own and rests once nothing overlaps, so the
    outcome does not depend on the others of the batch.
    """
    coords = torch.from_numpy(energy.coords).float()
    growth = torch.zeros(len(coords))
    for number in range(STEPS):
        coords.requires_grad_()
        growth.requires_grad_()
        value = energy(coords, growth)
        if not bool(value.detach().any()):
            break
        of_coords, of_growth = torch.autograd.grad(value.sum(), (coords, growth))
        with torch.no_grad():
            moved = of_coords * energy.free
            largest = moved.abs().amax(dim=(1, 2)).clamp(min=1e-9)
            is_moving = (value > 0).float()
            step = STEP_SIZE * (1 - number / STEPS) * is_moving
            coords = coords.detach() - moved * (step / largest)[:, None, None]
            # cells only grow, and slowly: coordinates should do most
            pushed = (of_growth < 0).float() * 0.1 * step
            growth = (growth.detach() + pushed).clamp(max=MAX_GROWTH)
    return coords.detach().double().numpy(), growth.detach().double().numpy()
