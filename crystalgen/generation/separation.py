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
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from jaxtyping import Float, Int

from crystalgen.representation.conversion import expand
from crystalgen.representation.crystal import SymmetricCrystal, free_parameters
from crystalgen.representation.frame import frame_of

MARGIN = 1.06
"""Wanted distance as a multiple of the limit."""
STEPS = 80
STEP_SIZE = 0.01
"""First step of a coordinate (fraction of a cell) and, times `GROWTH`, of the logarithm
of the edges."""
GROWTH = 0.1
"""Cells grow slowly: coordinates should do most."""
MAX_GROWTH = 0.12
"""Most that the logarithm of the edges may grow."""
REACH = 1.0
"""Å beyond the wanted distance up to which pairs are watched."""
STEPS_BETWEEN = 20
"""Steps after which pairs are looked for again."""
_IMAGES = np.array(list(product((-1.0, 0.0, 1.0), repeat=3)))


def separate(
    crystals: Sequence[SymmetricCrystal],
    limits: Sequence[Float[np.ndarray, "species species"]],
) -> list[SymmetricCrystal]:
    """Crystals with the same groups, positions and species, their atoms apart.

    Args:
        crystals: Crystals whose cells close.
        limits: Smallest distance in Å of each pair of elements, for each crystal.

    Returns:
        One for each; atoms may still be too close.
    """
    return [
        _separated(crystal, MARGIN * each)
        for crystal, each in zip(crystals, limits, strict=True)
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Frame:
    """What of a crystal stays as it is."""

    maps: Float[np.ndarray, "atoms 3 3"]
    shifts: Float[np.ndarray, "atoms 3"]
    orbit: Int[np.ndarray, " atoms"]
    representative: Int[np.ndarray, " orbits"]
    lattice: Float[np.ndarray, "3 3"]
    wanted: Float[np.ndarray, "orbits atoms"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pairs:
    """Representatives with atoms near them."""

    first: Int[np.ndarray, " pairs"]
    """Orbit of the representative."""
    atom: Int[np.ndarray, " pairs"]
    cell: Float[np.ndarray, "pairs 3"]
    """Cell in which the other atom is."""
    wanted: Float[np.ndarray, " pairs"]
    weight: Float[np.ndarray, " pairs"]
    """Atoms of the representative's orbit."""


def _separated(
    crystal: SymmetricCrystal, wanted: Float[np.ndarray, "species species"]
) -> SymmetricCrystal:
    cell = expand(crystal)
    maps, shifts = frame_of(crystal.space_group, crystal.wyckoff)[:2]
    elements = np.array(crystal.species)
    frame = _Frame(
        maps=maps,
        shifts=shifts,
        orbit=cell.orbit_of_atom,
        representative=cell.representative,
        lattice=cell.lattice,
        wanted=wanted[elements[:, None], cell.numbers[None]],
    )
    is_free = free_parameters(crystal.space_group)[list(crystal.wyckoff)]
    coords, growth = crystal.free_coords.copy(), 0.0
    pairs = _near(frame, coords, growth)
    for number in range(STEPS):
        if number and number % STEPS_BETWEEN == 0:
            pairs = _near(frame, coords, growth)
        slope, is_tight = _slope(frame, pairs, coords, growth)
        if not is_tight:
            break
        slope = slope * is_free
        step = STEP_SIZE * (1 - number / STEPS)
        coords = coords - slope * (step / max(float(np.abs(slope).max()), 1e-9))
        growth = min(growth + GROWTH * step, MAX_GROWTH)
    coords -= np.floor(coords)
    coords[coords >= 1.0] = 0.0
    return replace(
        crystal,
        free_coords=coords,
        lattice_parameters=crystal.lattice_parameters
        * np.repeat([np.exp(growth), 1.0], 3),
    )


def _places(
    frame: _Frame, coords: Float[np.ndarray, "orbits 3"]
) -> Float[np.ndarray, "atoms 3"]:
    """Where the atoms are, in fractions of the primitive cell."""
    return (frame.maps @ coords[frame.orbit][..., None])[..., 0] + frame.shifts


def _near(
    frame: _Frame, coords: Float[np.ndarray, "orbits 3"], growth: float
) -> _Pairs:
    """Pairs within reach of the distance that they should have."""
    places = _places(frame, coords)
    offset = places[None, :] - places[frame.representative][:, None]
    home = -np.rint(offset)
    cells = home[:, :, None] + _IMAGES
    lattice = np.exp(growth) * frame.lattice
    distance = np.linalg.norm((offset[:, :, None] + cells) @ lattice, axis=3)
    is_near = distance < frame.wanted[..., None] + REACH
    # an atom is no neighbour of itself
    orbits = np.arange(len(frame.representative))
    here = frame.representative
    is_near[orbits, here] &= (cells[orbits, here] != 0).any(axis=2)
    first, atom, image = np.nonzero(is_near)
    return _Pairs(
        first=first,
        atom=atom,
        cell=cells[first, atom, image],
        wanted=frame.wanted[first, atom],
        weight=np.bincount(frame.orbit)[first].astype(np.float64),
    )


def _slope(
    frame: _Frame,
    pairs: _Pairs,
    coords: Float[np.ndarray, "orbits 3"],
    growth: float,
) -> tuple[Float[np.ndarray, "orbits 3"], bool]:
    """Derivative of the energy by the coordinates, and whether anything overlaps."""
    places = _places(frame, coords)
    origin = frame.representative[pairs.first]
    lattice = np.exp(growth) * frame.lattice
    apart = (places[pairs.atom] - places[origin] + pairs.cell) @ lattice
    distance = np.linalg.norm(apart, axis=1)
    is_tight = distance < pairs.wanted
    slope = np.zeros_like(coords)
    if not is_tight.any():
        return slope, False
    first, atom, origin = pairs.first[is_tight], pairs.atom[is_tight], origin[is_tight]
    distance = np.maximum(distance[is_tight], 1e-6)
    pull = -2 * pairs.weight[is_tight] * (pairs.wanted[is_tight] - distance) / distance
    by_fraction = (pull[:, None] * apart[is_tight]) @ lattice.T
    np.add.at(
        slope, frame.orbit[atom], np.einsum("pij,pi->pj", frame.maps[atom], by_fraction)
    )
    np.add.at(slope, first, -np.einsum("pij,pi->pj", frame.maps[origin], by_fraction))
    return slope, True
