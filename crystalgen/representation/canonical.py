"""One description for each crystal among all that the affine normalizer allows.

Chosen are, in this order: the cell (groups 1 to 15 only, `crystalgen.symmetry.
reduction`), the smallest letters, the smallest elements (electronegativity), the
smallest lattice, the smallest coordinates; along polar axes the first orbit lies at 0.
Values that agree within a tolerance are ties, settled by what comes next, so that noise
below `NOISE` seldom changes the choice; what is still tied at the end is settled
exactly, so that canonical descriptions stay as they are.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from crystalgen.representation.crystal import SymmetricCrystal
from crystalgen.representation.elements import RANKS
from crystalgen.symmetry.lattice import constrain, lattice_matrix, metric_parameters
from crystalgen.symmetry.normalizer import (
    coset_letters,
    coset_representatives,
    letter_permutation,
    translations_for,
)
from crystalgen.symmetry.reduction import (
    LENGTH,
    linear_part,
    reduced_bases,
    smallest_rows,
)
from crystalgen.symmetry.wyckoff import SpaceGroup, space_group

NOISE = 2e-3
"""Fractional coordinates closer than this are ties."""
_EXACT = 1e-6
_FIT = 1e-5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Frames:
    """Candidate descriptions: maps of the normalizer and what they do."""

    rotations: Float[np.ndarray, "frames 3 3"]
    translations: Float[np.ndarray, "frames 3"]
    letters: Int[np.ndarray, "frames letters"]
    parameters: Float[np.ndarray, "frames 6"]

    def take(self, chosen: Int[np.ndarray, " chosen"]) -> "_Frames":
        return _Frames(
            rotations=self.rotations[chosen],
            translations=self.translations[chosen],
            letters=self.letters[chosen],
            parameters=self.parameters[chosen],
        )


def canonicalize(crystal: SymmetricCrystal) -> SymmetricCrystal:
    """The canonical description of a crystal; equal for equivalent descriptions.

    Mirror images of a crystal become one where they share a space group.
    """
    group = space_group(crystal.space_group)
    wyckoff = np.array(crystal.wyckoff)
    ranks = np.array([RANKS[number - 1] for number in crystal.species])
    points = _points(group, wyckoff, crystal.free_coords)
    frames = _smallest_letters(_frames(group, crystal), wyckoff, ranks)
    tied = smallest_rows(frames.parameters[:, :3], tolerance=np.full(3, LENGTH))
    frames = frames.take(tied)
    classes = frames.letters[:, wyckoff] * 128 + ranks
    if any(group.polar_axes):
        frames, classes = _anchored(group, frames, classes, points)
    coords = _smallest_images(group, frames, wyckoff, points)
    order = _orbit_order(classes, coords, group.polar_axes)
    coords = np.take_along_axis(coords, order[:, :, None], axis=1)
    best = _smallest_frame(frames, coords)
    sorted_classes = classes[best][order[best]]
    chosen = coords[best]
    polar = np.array(group.polar_axes)
    chosen[:, polar] -= chosen[0, polar]
    by_rank = dict(zip(ranks.tolist(), crystal.species, strict=True))
    return SymmetricCrystal(
        space_group=crystal.space_group,
        wyckoff=tuple(int(value) // 128 for value in sorted_classes),
        species=tuple(by_rank[int(value) % 128] for value in sorted_classes),
        free_coords=wrap(chosen),
        lattice_parameters=constrain(frames.parameters[best], group.crystal_system),
    )


def wrap(coords: Float[np.ndarray, "*rows 3"]) -> Float[np.ndarray, "*rows 3"]:
    """Move coordinates into [0, 1), those a hair below 1 or above 0 to 0.

    >>> wrap(np.array([-0.25, 1.0, -1e-13])).tolist()
    [0.75, 0.0, 0.0]
    """
    wrapped = coords - np.floor(coords)
    return np.where((wrapped > 1 - 1e-10) | (wrapped < 1e-10), 0.0, wrapped)


def _points(
    group: SpaceGroup,
    wyckoff: Int[np.ndarray, " orbits"],
    free_coords: Float[np.ndarray, "orbits 3"],
) -> Float[np.ndarray, "orbits 3"]:
    """Representative point of each orbit, in conventional fractions."""
    maps = np.array([group.positions[index].maps[0] for index in wyckoff])
    return np.einsum("kab,kb->ka", maps[:, :, :3], free_coords) + maps[:, :, 3]


def _frames(group: SpaceGroup, crystal: SymmetricCrystal) -> _Frames:
    """All maps of the normalizer that may lead to the canonical description."""
    lattice = lattice_matrix(crystal.lattice_parameters)
    metric = lattice @ lattice.T
    if group.number > 15:
        rotations, translations = coset_representatives(group.number)
        letters = coset_letters(group.number)
        bases = np.linalg.inv(rotations).swapaxes(1, 2)
    else:
        found = [
            (basis, linear, shift)
            for basis in reduced_bases(group, metric)
            for linear in [linear_part(basis)]
            for shift in translations_for(group.number, linear)
        ]
        bases = np.array([basis for basis, _, _ in found])
        rotations = np.array([linear for _, linear, _ in found]).reshape(-1, 3, 3)
        translations = np.array([shift for _, _, shift in found])
        letters = np.array(
            [letter_permutation(group.number, *maps) for _, *maps in found]
        )
    return _Frames(
        rotations=rotations.astype(np.float64),
        translations=translations,
        letters=letters,
        parameters=metric_parameters(bases @ metric @ bases.swapaxes(1, 2)),
    )


def _smallest_letters(
    frames: _Frames,
    wyckoff: Int[np.ndarray, " orbits"],
    ranks: Int[np.ndarray, " orbits"],
) -> _Frames:
    """Frames with the smallest sorted letters, then the smallest sorted elements."""
    classes = np.sort(frames.letters[:, wyckoff] * 128 + ranks, axis=1)
    key = np.concatenate([classes // 128, classes % 128], axis=1).astype(np.float64)
    return frames.take(smallest_rows(key, tolerance=np.zeros(key.shape[1])))


def _anchored(
    group: SpaceGroup,
    frames: _Frames,
    classes: Int[np.ndarray, "frames orbits"],
    points: Float[np.ndarray, "orbits 3"],
) -> tuple[_Frames, Int[np.ndarray, "anchored orbits"]]:
    """Frames moved along the polar axes so that an orbit of the first class is at 0."""
    polar = np.array(group.polar_axes)
    steps = np.unique(np.rint(group.translations[:, polar] * 24).astype(int), axis=0)
    frame, anchor = np.nonzero(classes == classes.min(axis=1, keepdims=True))
    moved = frames.take(frame)
    heights = np.einsum("cab,cb->ca", moved.rotations, points[anchor])
    heights = (heights + moved.translations)[:, None, polar] + steps / 24
    shifts = np.repeat(moved.translations[:, None], len(steps), axis=1)
    shifts[:, :, polar] -= heights
    repeated = np.repeat(np.arange(len(frame)), len(steps))
    moved = moved.take(repeated)
    anchored = _Frames(
        rotations=moved.rotations,
        translations=shifts.reshape(-1, 3),
        letters=moved.letters,
        parameters=moved.parameters,
    )
    return anchored, classes[frame][repeated]


def _smallest_images(
    group: SpaceGroup,
    frames: _Frames,
    wyckoff: Int[np.ndarray, " orbits"],
    points: Float[np.ndarray, "orbits 3"],
) -> Float[np.ndarray, "frames orbits 3"]:
    """Parameters of the smallest image of each orbit, in [-NOISE, 1 - NOISE)."""
    first = np.array([position.maps[0] for position in group.positions])
    inverse = np.array([position.inverse for position in group.positions])
    letters = frames.letters[:, wyckoff]
    moved = np.einsum("cab,kb->cka", frames.rotations, points)
    moved += frames.translations[:, None]
    images = np.einsum("jab,ckb->ckja", group.rotations, moved, optimize=True)
    images += group.translations
    matrix, shift = first[letters][..., :3], first[letters][..., 3]
    offset = images - shift[:, :, None]
    xyz = offset @ inverse[letters].swapaxes(2, 3)
    residual = offset - xyz @ matrix.swapaxes(2, 3)
    fits = (np.abs(residual - np.rint(residual)) < _FIT).all(axis=3)
    used = np.array([position.free for position in group.positions])[letters]
    xyz = np.where(used[:, :, None], (xyz + NOISE) % 1.0 - NOISE, 0.0)
    return _smallest_fitting(xyz, fits, _axis_order(group.polar_axes))


def _axis_order(polar_axes: tuple[bool, bool, bool]) -> list[int]:
    """Polar axes first: along them the first orbit is the smallest."""
    return sorted(range(3), key=lambda axis: not polar_axes[axis])


def _smallest_fitting(
    xyz: Float[np.ndarray, "frames orbits ops 3"],
    fits: Bool[np.ndarray, "frames orbits ops"],
    axes: list[int],
) -> Float[np.ndarray, "frames orbits 3"]:
    for tolerance in (NOISE, _EXACT):
        for axis in axes:
            values = np.where(fits, xyz[..., axis], np.inf)
            fits = values <= values.min(axis=2, keepdims=True) + tolerance
    chosen = fits.argmax(axis=2)
    return np.take_along_axis(xyz, chosen[:, :, None, None], axis=2)[:, :, 0]


def _orbit_order(
    classes: Int[np.ndarray, "frames orbits"],
    coords: Float[np.ndarray, "frames orbits 3"],
    polar_axes: tuple[bool, bool, bool],
) -> Int[np.ndarray, "frames orbits"]:
    """Order of the orbits: by letter, element, then coordinates up to noise."""
    axes = _axis_order(polar_axes)
    keys = [classes]
    for tolerance in (NOISE, _EXACT):
        keys += [_clusters(classes, coords[..., axis], tolerance) for axis in axes]
    return np.lexsort(keys[::-1], axis=-1)


def _clusters(
    classes: Int[np.ndarray, "frames orbits"],
    values: Float[np.ndarray, "frames orbits"],
    tolerance: float,
) -> Int[np.ndarray, "frames orbits"]:
    """Ascending labels of the values of each class; closer ones share a label."""
    apart = values + 2.0 * classes
    order = np.argsort(apart, axis=1)
    gaps = np.diff(np.take_along_axis(apart, order, axis=1), axis=1) > tolerance
    labels = np.zeros(values.shape, dtype=np.int64)
    np.cumsum(gaps, axis=1, out=labels[:, 1:])
    scattered = np.empty_like(labels)
    np.put_along_axis(scattered, order, labels, axis=1)
    return scattered


def _smallest_frame(
    frames: _Frames, coords: Float[np.ndarray, "frames orbits 3"]
) -> int:
    """The frame with the smallest coordinates; exact ties go to the first."""
    flat = coords.reshape(len(coords), -1)
    chosen = smallest_rows(flat, tolerance=np.full(flat.shape[1], NOISE))
    exact = np.concatenate([frames.parameters[chosen], flat[chosen]], axis=1)
    best = smallest_rows(exact, tolerance=np.full(exact.shape[1], _EXACT))
    return int(chosen[best[0]])
