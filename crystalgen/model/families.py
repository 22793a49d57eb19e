"""The other geometries that crystals of one prototype have.

Crystals of a prototype need not look alike: other elements on the same positions may
have other coordinates or another shape of the cell. `centres` describes the largest
family of each prototype, from which predictions start; here are further ones, by their
means alone. Of a family of one crystal only the bins are kept, as in `centres`.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Complex128, Float, Int
from torch import Tensor, nn

from crystalgen.model.cell import N_FEATURES, lattice_features
from crystalgen.model.centres import (
    FAMILY_WIDTH,
    MAX_MEMBERS,
    CentreArrays,
    binned,
    binned_features,
    members_of,
)
from crystalgen.representation.crystal import free_parameters
from crystalgen.representation.prototype import PrototypeVocabulary
from crystalgen.representation.table import CrystalTable

CELL_WIDTH = 0.1
"""Distance of lattice features within which members are a family."""
APART = 1.5
"""Distance of a member from the centre of a family, in widths squared, from which on it
belongs to another."""
MOST = 4
"""Further families of a prototype; the smallest are left out."""


class FamilyArrays(NamedTuple):
    """Further families, those of one prototype one after the other, largest first."""

    prototype: Int[np.ndarray, " families"]
    """Row of the vocabulary; ascending."""
    coords: Float[np.ndarray, "family_orbits 3"]
    """Coordinates of all orbits of all families, in [0, 1)."""
    cell: Float[np.ndarray, "families 6"]
    """Lattice features; the first, the volume, is zero."""


class _Members(NamedTuple):
    """The crystals of one prototype."""

    directions: Complex128[np.ndarray, "members coords"]
    """Coordinates on the unit circle."""
    features: Float[np.ndarray, "members 5"]
    """Lattice features but for the volume."""

    def distance(
        self, directions: Complex128[np.ndarray, " coords"], features: np.ndarray
    ) -> Float[np.ndarray, " members"]:
        """How far each is from a place, in widths squared."""
        width = (2 * np.pi * FAMILY_WIDTH) ** 2
        # |e^ia - e^ib|² = 2 - 2 cos(a - b), as in the kernel of `centres`
        overlap = np.real(self.directions @ directions.conj())
        turned = self.directions.shape[1] - overlap
        deformed = ((self.features - features) ** 2).sum(axis=1)
        return turned / width + deformed / (2 * CELL_WIDTH**2)

    def rows(self, chosen: Int[np.ndarray, " some"]) -> "_Members":
        """Some of them."""
        return _Members(self.directions[chosen], self.features[chosen])


class Kin(NamedTuple):
    """The families of a prototype that has several."""

    prototype: int
    """Row of the vocabulary."""
    families: tuple[Int[np.ndarray, " _"], ...]
    """Rows of the training crystals: of the largest family, and of further ones."""


def find_kin(
    crystals: CrystalTable, vocabulary: PrototypeVocabulary, centres: CentreArrays
) -> list[Kin]:
    """Find the families of the prototypes seen more than once.

    Args:
        crystals: Training crystals.
        vocabulary: Their prototypes, most frequent first.
        centres: Of the largest family of each.
    """
    features = _features(crystals)
    kin: list[Kin] = []
    of_prototypes = members_of(crystals, vocabulary)[: vocabulary.n_embedded]
    for number, rows in enumerate(of_prototypes):
        members = _members(crystals, features, rows)
        orbits = slice(*vocabulary.offsets[number : number + 2])
        largest = np.exp(2j * np.pi * centres.coords[orbits].astype(np.float64))
        far = members.distance(largest.ravel(), centres.cell[number, 1:]) >= APART
        if far.any():
            others = _families(members.rows(np.flatnonzero(far)), rows[far])
            kin.append(Kin(number, (rows[~far], *others)))
    return kin


def fit_families(
    crystals: CrystalTable, vocabulary: PrototypeVocabulary, kin: Sequence[Kin]
) -> FamilyArrays:
    """Average over the further families.

    Args:
        crystals: Training crystals.
        vocabulary: Their prototypes, most frequent first.
        kin: Their families.
    """
    features = _features(crystals)
    prototypes: list[int] = []
    coords: list[Float[np.ndarray, "orbits 3"]] = []
    cells: list[Float[np.ndarray, " features"]] = []
    for number, (_, *further) in kin:
        orbits = slice(*vocabulary.offsets[number : number + 2])
        free = free_parameters(int(vocabulary.space_group[number]))[
            vocabulary.wyckoff[orbits]
        ]
        for rows in further:
            at, cell = _mean(_members(crystals, features, rows), free)
            prototypes.append(number)
            coords.append(at)
            cells.append(cell)
    return FamilyArrays(
        np.array(prototypes, dtype=np.int32),
        np.concatenate([np.zeros((0, 3)), *coords]).astype(np.float32),
        np.array(cells, dtype=np.float32).reshape(-1, N_FEATURES),
    )


def _features(crystals: CrystalTable) -> Float[np.ndarray, "crystals 5"]:
    """Lattice features of all crystals, but for the volume."""
    parameters = torch.from_numpy(np.array(crystals.lattice_parameters))
    return lattice_features(parameters, torch.ones(len(parameters))).numpy()[:, 1:]


def _members(
    crystals: CrystalTable,
    features: Float[np.ndarray, "crystals 5"],
    rows: Int[np.ndarray, " members"],
) -> _Members:
    """Some crystals of one prototype."""
    first = crystals.orbit_offsets[rows]
    span = np.arange(crystals.orbit_offsets[rows[0] + 1] - first[0])
    angles = 2 * np.pi * crystals.free_coords[first[:, None] + span]
    turned = np.exp(1j * angles.astype(np.float64)).reshape(len(rows), -1)
    return _Members(turned, features[rows])


def _families(
    left: _Members, rows: Int[np.ndarray, " members"]
) -> list[Int[np.ndarray, " _"]]:
    """Take the densest family off until none is left; the largest ones, in order."""
    found: list[Int[np.ndarray, " _"]] = []
    while len(rows):
        looked_at = range(min(len(rows), MAX_MEMBERS))
        away = np.array(
            [left.distance(left.directions[k], left.features[k]) for k in looked_at]
        )
        densest = np.exp(-away).sum(axis=1).round(6).argmax()  # the first, if several
        is_near = away[densest] < APART
        found.append(rows[is_near])
        left, rows = left.rows(np.flatnonzero(~is_near)), rows[~is_near]
    return sorted(found, key=lambda each: -len(each))[:MOST]


def _mean(
    family: _Members, free: Int[np.ndarray, "orbits 3"]
) -> tuple[Float[np.ndarray, "orbits 3"], Float[np.ndarray, " features"]]:
    """Coordinates and lattice features of a family."""
    mean = np.angle(family.directions.mean(axis=0)) / (2 * np.pi) % 1.0
    coords, features = mean.reshape(-1, 3), family.features.mean(axis=0)
    if len(family.features) == 1:
        coords, features = binned(coords, free), binned_features(features)
    return coords * free, np.concatenate([[0.0], features])


class Families(nn.Module):
    """Looks further families up.

    Args:
        arrays: The families.
        vocabulary: The prototypes that they were found for.
    """

    prototype: Tensor
    coords: Tensor
    cell: Tensor

    def __init__(self, arrays: FamilyArrays, vocabulary: PrototypeVocabulary) -> None:
        super().__init__()
        for name, array in arrays._asdict().items():
            self.register_buffer(name, torch.from_numpy(array.copy()))
        sizes = np.diff(vocabulary.offsets)[arrays.prototype]
        self._offsets = np.concatenate([[0], np.cumsum(sizes)])
        rows = np.arange(len(vocabulary) + 1)
        self._first = np.searchsorted(arrays.prototype, rows)

    def of(self, prototype: int) -> range:
        """Numbers of the further families of a row of the vocabulary."""
        return range(int(self._first[prototype]), int(self._first[prototype + 1]))

    def geometry(
        self, family: int
    ) -> tuple[Float[np.ndarray, "orbits 3"], Float[np.ndarray, " features"]]:
        """Coordinates of all orbits, and lattice features but for the volume."""
        orbits = slice(*self._offsets[family : family + 2])
        coords = self.coords[orbits].cpu().numpy().astype(np.float64)
        return coords % 1.0, self.cell[family, 1:].cpu().numpy().astype(np.float64)
