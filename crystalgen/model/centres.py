"""The usual geometry of each known prototype, learnt by counting.

For every prototype seen at least twice: where the free coordinates and the shape of the
cell of its largest family of members lie on average, and how much they spread. For one
seen once: in which sixteenth of the cell its coordinates lie, and as coarsely the
shape, so no crystal is kept. The decoder starts from there and the encoder reads how a
crystal differs from it, so codes need not spell out what the prototype already says.
Volumes are not part of it: they follow from the species. A prototype never seen starts
from the usual geometry of its relative, the prototype with the same positions and the
most similar roles.
"""

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from crystalgen.model.batch import Templates
from crystalgen.model.cell import N_FEATURES, lattice_features
from crystalgen.representation.crystal import free_parameters
from crystalgen.representation.prototype import PrototypeVocabulary, prototypes_of
from crystalgen.representation.table import CrystalTable

FAMILY_WIDTH = 0.08
"""Distance of coordinates (fractions of a cell) within which members are a family."""
MAX_MEMBERS = 1000
"""Members of one prototype that are compared pair by pair."""
BINS = 16
"""Bins of a coordinate, or of a unit of a lattice feature, of what was seen once."""


class CentreArrays(NamedTuple):
    """Centres of all known prototypes, as flat as their orbits."""

    coords: Float[np.ndarray, "orbits 3"]
    sharpness: Float[np.ndarray, "orbits 3"]
    cell: Float[np.ndarray, "prototypes 6"]
    cell_spread: Float[np.ndarray, "prototypes 6"]


class Centre(NamedTuple):
    """Centres of the crystals of a batch; zeros where there is none."""

    coords: Float[Tensor, "crystals orbits 3"]
    """Mean coordinates in [0, 1)."""
    sharpness: Float[Tensor, "crystals orbits 3"]
    """Length of the mean direction: 1 if all members agree, 0 if they do not at all."""
    cell: Float[Tensor, "crystals 6"]
    """Mean lattice features; the first, the volume, is zero."""
    cell_spread: Float[Tensor, "crystals 6"]
    """Their mean absolute deviations."""
    is_known: Bool[Tensor, " crystals"]
    """Whether the crystal has a centre."""


def fit_centres(
    crystals: CrystalTable, vocabulary: PrototypeVocabulary
) -> CentreArrays:
    """Find the centre of the largest family of each prototype.

    Args:
        crystals: Training crystals.
        vocabulary: Their prototypes, most frequent first.
    """
    parameters = torch.from_numpy(np.array(crystals.lattice_parameters))
    features = lattice_features(parameters, torch.ones(len(parameters))).numpy()[:, 1:]
    offsets, n_prototypes = vocabulary.offsets, len(vocabulary)
    arrays = CentreArrays(
        coords=np.zeros((int(offsets[-1]), 3), dtype=np.float32),
        sharpness=np.zeros((int(offsets[-1]), 3), dtype=np.float32),
        cell=np.zeros((n_prototypes, N_FEATURES), dtype=np.float32),
        cell_spread=np.zeros((n_prototypes, N_FEATURES), dtype=np.float32),
    )
    for number, members in enumerate(members_of(crystals, vocabulary)):
        orbits = slice(offsets[number], offsets[number + 1])
        first = crystals.orbit_offsets[members]
        span = np.arange(orbits.stop - orbits.start)
        coords = crystals.free_coords[first[:, None] + span]
        if number < vocabulary.n_embedded:
            found = _largest(coords, features[members])
        else:
            free = free_parameters(int(vocabulary.space_group[number]))
            of_orbits = free[vocabulary.wyckoff[orbits]]
            found = _coarse(coords[0], features[members[0]], of_orbits)
        arrays.coords[orbits], arrays.sharpness[orbits] = found[:2]
        arrays.cell[number, 1:], arrays.cell_spread[number, 1:] = found[2:]
    np.mod(arrays.coords, 1, out=arrays.coords)  # single precision may round up to 1
    return arrays


_Found = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
"""What `CentreArrays` has of one prototype; lattice features but for the volume."""


def _largest(
    coords: Float[np.ndarray, "members orbits 3"],
    features: Float[np.ndarray, "members features"],
) -> _Found:
    """Centre of the largest family of some members."""
    directions = np.exp(2j * np.pi * coords.astype(np.float64))
    weight = _largest_family(directions.reshape(len(coords), -1))
    mean = np.tensordot(weight, directions, axes=1)
    cell = (weight @ features).astype(np.float32)
    spread = weight @ np.abs(features - cell)
    return np.angle(mean) / (2 * np.pi) % 1.0, np.abs(mean), cell, spread


def _coarse(
    coords: Float[np.ndarray, "orbits 3"],
    features: Float[np.ndarray, " features"],
    free: Int[np.ndarray, "orbits 3"],
) -> _Found:
    """Bins of a single member, and how much a bin leaves open."""
    sharpness = np.where(free, np.sinc(1 / BINS), 1.0)
    spread = np.full(features.shape, 0.25 / BINS)  # the mean deviation within a bin
    return binned(coords, free), sharpness, binned_features(features), spread


def members_of(
    crystals: CrystalTable, vocabulary: PrototypeVocabulary
) -> list[Int[np.ndarray, " members"]]:
    """Rows of the crystals of each prototype of a vocabulary counted on them."""
    members: list[list[int]] = [[] for _ in range(len(vocabulary))]
    for row, prototype in enumerate(prototypes_of(crystals)):
        members[vocabulary.index[prototype]].append(row)
    return [np.array(rows) for rows in members]


def binned(
    coords: Float[np.ndarray, "orbits 3"], free: Int[np.ndarray, "orbits 3"]
) -> Float[np.ndarray, "orbits 3"]:
    """Middle of the bin of each free coordinate; 0 for those that are not."""
    return np.where(free, (np.floor(BINS * coords) + 0.5) / BINS % 1.0, 0.0)


def binned_features(
    features: Float[np.ndarray, " features"],
) -> Float[np.ndarray, " features"]:
    """Lattice features but for the volume, as coarsely; 0 and 1/2 remain 0 and 1/2."""
    return np.rint(BINS * features) / BINS


def _largest_family(
    directions: "np.ndarray[tuple[int, int], np.dtype[np.complex128]]",
) -> Float[np.ndarray, " members"]:
    """Weights of the members around the densest one; they sum to 1."""
    n_compared = min(len(directions), MAX_MEMBERS)
    compared = directions[:: max(1, len(directions) // n_compared)]
    # |e^ia - e^ib|² = 2 - 2 cos(a - b), summed over all coordinates
    width = (2 * np.pi * FAMILY_WIDTH) ** 2
    overlap = (directions @ compared.conj().T).real
    kernel = np.exp((overlap - directions.shape[1]) / width)
    densest = kernel.sum(axis=0).round(6).argmax()  # the first, if several are
    weight = kernel[:, densest]
    return weight / weight.sum()


class Centres(nn.Module):
    """Looks centres up for a batch of templates.

    Args:
        arrays: The centres.
        vocabulary: The prototypes that they were found for.
    """

    coords: Tensor
    sharpness: Tensor
    cell: Tensor
    cell_spread: Tensor
    offsets: Tensor
    relatives: Tensor

    def __init__(self, arrays: CentreArrays, vocabulary: PrototypeVocabulary) -> None:
        super().__init__()
        for name, array in arrays._asdict().items():
            self.register_buffer(name, torch.from_numpy(array.copy()))
        starts = torch.from_numpy(vocabulary.offsets.astype(np.int64))
        self.register_buffer("offsets", starts, persistent=False)
        relatives = torch.from_numpy(np.concatenate([[0], vocabulary.relatives + 1]))
        self.register_buffer("relatives", relatives, persistent=False)

    def forward(self, templates: Templates) -> Centre:
        """Centres of a batch."""
        # weights of earlier versions have no centres of what was seen once
        is_known = (templates.centre > 0) & (templates.centre <= len(self.cell))
        if not len(self.cell):  # nothing was seen twice
            of_orbits = self.coords.new_zeros(*templates.position.shape, 3)
            of_crystals = self.cell.new_zeros(len(is_known), N_FEATURES)
            return Centre(of_orbits, of_orbits, of_crystals, of_crystals, is_known)
        row = torch.where(is_known, templates.centre - 1, 0)
        place = torch.arange(templates.position.shape[1], device=row.device)
        flat = (self.offsets[row][:, None] + place).clamp(max=len(self.coords) - 1)
        shown = (is_known[:, None] & templates.present)[..., None]
        known = is_known[:, None]
        return Centre(
            coords=torch.where(shown, self.coords[flat], 0.0),
            sharpness=torch.where(shown, self.sharpness[flat], 0.0),
            cell=torch.where(known, self.cell[row], 0.0),
            cell_spread=torch.where(known, self.cell_spread[row], 0.0),
            is_known=is_known,
        )

    def without_prototypes(self, templates: Templates) -> Int[Tensor, " crystals"]:
        """Centres of the same crystals if their prototypes were not known."""
        is_known = templates.prototype > 0
        return torch.where(
            is_known, self.relatives[templates.prototype], templates.centre
        )
