"""Crystals atom by atom, as flat tensors: what the relaxer reads.

A crystal's atoms are linear functions of the coordinates of its orbits, so distances
and directions follow from these and the cell by a few matrix products, for a whole
batch at once, and only the neighbours have to be searched for.
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Int, Int8, Int16, Int64
from torch import Tensor

from crystalgen.graphs.neighbours import neighbours_within
from crystalgen.model.cell import lattice_vectors
from crystalgen.representation.crystal import free_parameters
from crystalgen.representation.frame import frame_of
from crystalgen.symmetry.lattice import lattice_matrix

Site = tuple[int, tuple[int, ...], Float[np.ndarray, "_ 3"], Float[np.ndarray, "6"]]
"""Space group, Wyckoff positions, coordinates and lattice parameters of a crystal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AtomTable:
    """Atoms and neighbours of many crystals in flat arrays.

    Attributes:
        orbit_offsets: Where the orbits of each crystal start; one more than crystals.
        atom_offsets: The same of its atoms.
        pair_offsets: The same of its pairs.
        space_group: Number of each crystal's group.
        vectors: Primitive vectors of each crystal in terms of the conventional ones.
        representative: First atom of each orbit, counted within its crystal.
        size: Atoms of each orbit in the primitive cell.
        free: Coordinates that each orbit can choose.
        orbit: Orbit of each atom, counted within its crystal.
        maps: How each atom follows from the coordinates of its orbit.
        shifts: What is added to that.
        target: Orbit of each pair, counted within its crystal.
        neighbour: Atom of each pair, counted within its crystal.
        image: Cell of the neighbour.
    """

    orbit_offsets: Int64[np.ndarray, " crystals_plus_one"]
    atom_offsets: Int64[np.ndarray, " crystals_plus_one"]
    pair_offsets: Int64[np.ndarray, " crystals_plus_one"]
    space_group: Int16[np.ndarray, " crystals"]
    vectors: Float32[np.ndarray, "crystals 3 3"]
    representative: Int16[np.ndarray, " orbits"]
    size: Int16[np.ndarray, " orbits"]
    free: Bool[np.ndarray, "orbits 3"]
    orbit: Int16[np.ndarray, " atoms"]
    maps: Float32[np.ndarray, "atoms 3 3"]
    shifts: Float32[np.ndarray, "atoms 3"]
    target: Int16[np.ndarray, " pairs"]
    neighbour: Int16[np.ndarray, " pairs"]
    image: Int8[np.ndarray, "pairs 3"]

    def __len__(self) -> int:
        return len(self.vectors)


def list_atoms(crystals: Iterable[Site], *, radius: float) -> AtomTable:
    """Expand crystals and find their neighbours.

    Args:
        crystals: Group, positions, coordinates and cell of each; every cell closes.
        radius: Distance up to which neighbours are listed, Å.
    """
    groups, frames, free, pairs = [], [], [], []
    for group, wyckoff, coords, parameters in crystals:
        frame = frame_of(group, wyckoff)
        places = (frame.maps @ coords[frame.orbit][..., None])[..., 0] + frame.shifts
        lattice = frame.vectors @ lattice_matrix(parameters)
        groups.append(group)
        frames.append(frame)
        free.append(free_parameters(group)[list(wyckoff)] > 0)
        pairs.append(neighbours_within(radius, lattice, places, frame.representative))
    return AtomTable(
        orbit_offsets=_offsets([len(each.representative) for each in frames]),
        atom_offsets=_offsets([len(each.orbit) for each in frames]),
        pair_offsets=_offsets([len(each.target) for each in pairs]),
        space_group=np.array(groups, dtype=np.int16),
        vectors=np.array([each.vectors for each in frames], dtype=np.float32),
        representative=_joined([each.representative for each in frames], np.int16),
        size=_joined([np.bincount(each.orbit) for each in frames], np.int16),
        free=_joined(free, np.bool_),
        orbit=_joined([each.orbit for each in frames], np.int16),
        maps=_joined([each.maps for each in frames], np.float32),
        shifts=_joined([each.shifts for each in frames], np.float32),
        target=_joined([each.target for each in pairs], np.int16),
        neighbour=_joined([each.atom for each in pairs], np.int16),
        image=_joined([each.image for each in pairs], np.int8),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class AtomBatch:
    """Atoms and neighbours of the crystals of a batch.

    Attributes:
        space_group: Number of the group.
        vectors: Primitive vectors in terms of the conventional ones.
        crystal: Crystal of each orbit.
        place: Place of each orbit in its crystal.
        size: Atoms of each orbit.
        free: 1 where an orbit can choose a coordinate, else 0.
        representative: Row of the first atom of each orbit.
        orbit: Row of the orbit of each atom.
        maps: How each atom follows from the coordinates of its orbit.
        shifts: What is added to that.
        target: Row of the orbit of each pair.
        neighbour: Row of the atom of each pair.
        image: Cell of the neighbour.
    """

    space_group: Int[Tensor, " crystals"]
    vectors: Float[Tensor, "crystals 3 3"]
    crystal: Int[Tensor, " orbits"]
    place: Int[Tensor, " orbits"]
    size: Float[Tensor, " orbits"]
    free: Float[Tensor, "orbits 3"]
    representative: Int[Tensor, " orbits"]
    orbit: Int[Tensor, " atoms"]
    maps: Float[Tensor, "atoms 3 3"]
    shifts: Float[Tensor, "atoms 3"]
    target: Int[Tensor, " pairs"]
    neighbour: Int[Tensor, " pairs"]
    image: Float[Tensor, "pairs 3"]

    def __len__(self) -> int:
        return len(self.vectors)

    def to(self, device: torch.device) -> "AtomBatch":
        """The same atoms on another device."""
        return AtomBatch(
            **{f.name: getattr(self, f.name).to(device) for f in fields(self)}
        )


def collate_atoms(table: AtomTable, indices: Int[np.ndarray, " batch"]) -> AtomBatch:
    """Put some of the crystals into one batch."""
    orbits, of_orbit, first_orbit = _ranges(table.orbit_offsets, indices)
    atoms, of_atom, first_atom = _ranges(table.atom_offsets, indices)
    pairs, of_pair, _ = _ranges(table.pair_offsets, indices)
    place = np.arange(len(orbits)) - first_orbit[of_orbit]
    arrays = {
        "space_group": table.space_group[indices].astype(np.int64),
        "vectors": table.vectors[indices],
        "crystal": of_orbit,
        "place": place,
        "size": table.size[orbits].astype(np.float32),
        "free": table.free[orbits].astype(np.float32),
        "representative": table.representative[orbits] + first_atom[of_orbit],
        "orbit": table.orbit[atoms] + first_orbit[of_atom],
        "maps": table.maps[atoms],
        "shifts": table.shifts[atoms],
        "target": table.target[pairs] + first_orbit[of_pair],
        "neighbour": table.neighbour[pairs] + first_atom[of_pair],
        "image": table.image[pairs].astype(np.float32),
    }
    return AtomBatch(**{name: torch.from_numpy(each) for name, each in arrays.items()})


def lattices(
    atoms: AtomBatch, parameters: Float[Tensor, "crystals 6"]
) -> Float[Tensor, "crystals 3 3"]:
    """Primitive cell vectors in rows, Å, of conventional cells (Å, degrees)."""
    return atoms.vectors.to(parameters.dtype) @ lattice_vectors(parameters)


def pair_vectors(
    atoms: AtomBatch,
    coords: Float[Tensor, "orbits 3"],
    lattice: Float[Tensor, "crystals 3 3"],
) -> Float[Tensor, "pairs 3"]:
    """From each representative to its neighbours, Å."""
    places = torch.einsum("aij,aj->ai", atoms.maps, coords[atoms.orbit]) + atoms.shifts
    origin = places[atoms.representative][atoms.target]
    fraction = places[atoms.neighbour] - origin + atoms.image
    of_pair = atoms.crystal[atoms.target]
    return torch.einsum("pi,pij->pj", fraction, lattice[of_pair])


def _offsets(sizes: list[int]) -> Int64[np.ndarray, " offsets"]:
    return np.cumsum([0, *sizes], dtype=np.int64)


def _joined(parts: list[np.ndarray], dtype: type[np.generic]) -> np.ndarray:
    return np.concatenate(parts).astype(dtype)


def _ranges(
    offsets: Int[np.ndarray, " offsets"], indices: Int[np.ndarray, " batch"]
) -> tuple[
    Int[np.ndarray, " items"], Int[np.ndarray, " items"], Int[np.ndarray, " batch"]
]:
    """Flat index and row of every item, and where the items of each row start."""
    sizes = offsets[indices + 1] - offsets[indices]
    starts = np.cumsum(sizes) - sizes
    rows = np.repeat(np.arange(len(indices)), sizes)
    return offsets[indices][rows] + np.arange(len(rows)) - starts[rows], rows, starts
