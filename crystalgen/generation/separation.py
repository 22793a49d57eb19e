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

import numpy as np
from jaxtyping import Bool, Float, Int

from crystalgen.graphs.neighbours import neighbours_within
from crystalgen.representation.crystal import SymmetricCrystal, free_parameters
from crystalgen.representation.frame import frame_of
from crystalgen.symmetry.lattice import lattice_matrix

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
    if not crystals:
        return []
    frames = _frames(crystals)
    coords = np.concatenate([each.free_coords for each in crystals])
    growth = np.zeros(len(crystals))
    is_crowded = np.ones(len(crystals), dtype=bool)
    pairs = _near(frames, crystals, limits, coords, growth, is_crowded)
    for number in range(STEPS):
        if number and number % STEPS_BETWEEN == 0:
            pairs = _near(frames, crystals, limits, coords, growth, is_crowded)
        slope, is_tight = _slope(frames, pairs, coords, growth)
        is_crowded &= is_tight
        if not is_crowded.any():
            break
        step = STEP_SIZE * (1 - number / STEPS)
        steepest = np.maximum.reduceat(np.abs(slope).max(axis=1), frames.first_orbit)
        size = np.where(is_crowded, step / np.maximum(steepest, 1e-9), 0.0)
        coords -= slope * size[frames.crystal][:, None]
        grown = np.minimum(growth + GROWTH * step, MAX_GROWTH)
        growth = np.where(is_crowded, grown, growth)
    coords -= np.floor(coords)
    coords[coords >= 1.0] = 0.0
    return [
        replace(
            crystal,
            free_coords=each,
            lattice_parameters=crystal.lattice_parameters
            * np.repeat([np.exp(log_scale), 1.0], 3),
        )
        for crystal, each, log_scale in zip(
            crystals, np.split(coords, frames.first_orbit[1:]), growth, strict=True
        )
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Frames:
    """What of the crystals stays as it is; orbits and atoms one after the other."""

    maps: Float[np.ndarray, "atoms 3 3"]
    shifts: Float[np.ndarray, "atoms 3"]
    orbit: Int[np.ndarray, " atoms"]
    first_atom: Int[np.ndarray, " crystals"]
    representative: Int[np.ndarray, " orbits"]
    size: Float[np.ndarray, " orbits"]
    """Atoms of each orbit."""
    is_free: Bool[np.ndarray, "orbits 3"]
    crystal: Int[np.ndarray, " orbits"]
    first_orbit: Int[np.ndarray, " crystals"]
    lattice: Float[np.ndarray, "crystals 3 3"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pairs:
    """Representatives with atoms near them."""

    first: Int[np.ndarray, " pairs"]
    """Orbit of the representative."""
    atom: Int[np.ndarray, " pairs"]
    cell: Float[np.ndarray, "pairs 3"]
    """Cell in which the other atom is."""
    wanted: Float[np.ndarray, " pairs"]


def _frames(crystals: Sequence[SymmetricCrystal]) -> _Frames:
    each = [frame_of(crystal.space_group, crystal.wyckoff) for crystal in crystals]
    first_orbit = _starts([len(frame.representative) for frame in each])
    first_atom = _starts([len(frame.orbit) for frame in each])
    orbits = [
        frame.orbit + first for frame, first in zip(each, first_orbit, strict=True)
    ]
    representatives = [
        frame.representative + first
        for frame, first in zip(each, first_atom, strict=True)
    ]
    return _Frames(
        maps=np.concatenate([frame.maps for frame in each]),
        shifts=np.concatenate([frame.shifts for frame in each]),
        orbit=np.concatenate(orbits),
        first_atom=first_atom,
        representative=np.concatenate(representatives),
        size=np.bincount(np.concatenate(orbits)).astype(np.float64),
        is_free=np.concatenate(
            [
                free_parameters(one.space_group)[list(one.wyckoff)] > 0
                for one in crystals
            ]
        ),
        crystal=np.repeat(
            np.arange(len(each)), [len(frame.representative) for frame in each]
        ),
        first_orbit=first_orbit,
        lattice=np.array(
            [
                frame.vectors @ lattice_matrix(crystal.lattice_parameters)
                for frame, crystal in zip(each, crystals, strict=True)
            ]
        ),
    )


def _starts(sizes: Sequence[int]) -> Int[np.ndarray, " parts"]:
    return np.cumsum([0, *sizes[:-1]])


def _places(
    frames: _Frames, coords: Float[np.ndarray, "orbits 3"]
) -> Float[np.ndarray, "atoms 3"]:
    """Where the atoms are, in fractions of the primitive cells."""
    xyz = coords[frames.orbit][..., None]
    return (frames.maps @ xyz)[..., 0] + frames.shifts


def _vectors(
    frames: _Frames,
    pairs: _Pairs,
    coords: Float[np.ndarray, "orbits 3"],
    lattice: Float[np.ndarray, "crystals 3 3"],
) -> Float[np.ndarray, "pairs 3"]:
    """From each representative to the other atom, Å."""
    places = _places(frames, coords)
    origin = places[frames.representative[pairs.first]]
    apart = places[pairs.atom] - origin + pairs.cell
    return np.einsum("pi,pij->pj", apart, lattice[frames.crystal[pairs.first]])


def _near(
    frames: _Frames,
    crystals: Sequence[SymmetricCrystal],
    limits: Sequence[Float[np.ndarray, "species species"]],
    coords: Float[np.ndarray, "orbits 3"],
    growth: Float[np.ndarray, " crystals"],
    is_crowded: Bool[np.ndarray, " crystals"],
) -> _Pairs:
    """Pairs of crowded crystals within reach of the distance that they should have."""
    places = _places(frames, coords)
    lattice = np.exp(growth)[:, None, None] * frames.lattice
    found: list[_Pairs] = []
    for row in np.flatnonzero(is_crowded).tolist():
        elements = np.array(crystals[row].species)
        first_orbit, first_atom = frames.first_orbit[row], frames.first_atom[row]
        own = slice(first_orbit, first_orbit + len(elements))
        n_atoms = int(frames.size[own].sum())
        orbit = frames.orbit[first_atom : first_atom + n_atoms] - first_orbit
        wanted = MARGIN * limits[row][elements[:, None], elements[orbit]]
        near = neighbours_within(
            float(wanted.max()) + REACH,
            lattice[row],
            places[first_atom : first_atom + n_atoms],
            frames.representative[own] - first_atom,
        )
        found.append(
            _Pairs(
                first=near.target + first_orbit,
                atom=near.atom + first_atom,
                cell=near.image.astype(np.float64),
                wanted=wanted[near.target, near.atom],
            )
        )
    pairs = _Pairs(
        first=np.concatenate([each.first for each in found]),
        atom=np.concatenate([each.atom for each in found]),
        cell=np.concatenate([each.cell for each in found]),
        wanted=np.concatenate([each.wanted for each in found]),
    )
    distance = np.linalg.norm(_vectors(frames, pairs, coords, lattice), axis=1)
    is_near = distance < pairs.wanted + REACH
    return _Pairs(
        first=pairs.first[is_near],
        atom=pairs.atom[is_near],
        cell=pairs.cell[is_near],
        wanted=pairs.wanted[is_near],
    )


def _slope(
    frames: _Frames,
    pairs: _Pairs,
    coords: Float[np.ndarray, "orbits 3"],
    growth: Float[np.ndarray, " crystals"],
) -> tuple[Float[np.ndarray, "orbits 3"], Bool[np.ndarray, " crystals"]]:
    """Derivative of the energy by what is free, and where anything overlaps."""
    lattice = np.exp(growth)[:, None, None] * frames.lattice
    apart = _vectors(frames, pairs, coords, lattice)
    distance = np.linalg.norm(apart, axis=1)
    tight = np.flatnonzero(distance < pairs.wanted)
    first, atom = pairs.first[tight], pairs.atom[tight]
    crystal = frames.crystal[first]
    distance = np.maximum(distance[tight], 1e-6)
    pull = -2 * frames.size[first] * (pairs.wanted[tight] - distance) / distance
    by_fraction = np.einsum(
        "pj,pij->pi", pull[:, None] * apart[tight], lattice[crystal]
    )
    slope = np.zeros_like(coords)
    for orbit, maps, sign in (
        (frames.orbit[atom], frames.maps[atom], 1.0),
        (first, frames.maps[frames.representative[first]], -1.0),
    ):
        np.add.at(slope, orbit, sign * np.einsum("pij,pi->pj", maps, by_fraction))
    is_tight = np.bincount(crystal, minlength=len(frames.lattice)) > 0
    return slope * frames.is_free, is_tight
