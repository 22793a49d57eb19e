"""Affine normalizers: the maps that carry a space group onto itself.

Two descriptions of one crystal in the same setting differ by such a map. Mirror images
count as one crystal where the group allows it, as they do for pymatgen's
StructureMatcher: the normalizer holds improper maps also for chiral groups.
The normalizers of triclinic and monoclinic groups are infinite: there the lattice picks
the linear part, and `translations_for` solves for the rest. Translations along polar
axes are arbitrary and never listed.
"""

from functools import lru_cache
from itertools import product

import numpy as np
from jaxtyping import Float, Int

from crystalgen.errors import SymmetryError
from crystalgen.symmetry.wyckoff import (
    SpaceGroup,
    parse_affine,
    space_group,
    wyckoff_table,
)

GENERIC = np.array([0.13717, 0.29271, 0.41339])
"""A point that no symmetry element of any group passes through."""
_TOLERANCE = 1e-6


@lru_cache(maxsize=230)
def coset_representatives(
    number: int,
) -> tuple[Int[np.ndarray, "cosets 3 3"], Float[np.ndarray, "cosets 3"]]:
    """One map per coset of a space group in its affine normalizer.

    A map takes a point x to `rotation @ x + translation` (conventional fractions). For
    groups 1 to 15 only the cosets that leave every lattice as it is are listed.
    Source: International Tables A (2016), chapter 3.5, by way of pyxtal.
    """
    triplets = str(wyckoff_table()[str(number)]["normalizer"]).split()
    maps = np.array([parse_affine(triplet) for triplet in triplets])
    return np.rint(maps[:, :, :3]).astype(np.int64), maps[:, :, 3] % 1.0


@lru_cache(maxsize=4096)
def letter_permutation(
    number: int, rotation: tuple[int, ...], translation: tuple[float, ...]
) -> tuple[int, ...]:
    """Where a map of the normalizer takes each Wyckoff position.

    Args:
        number: Space group.
        rotation: The nine integers of its linear part, row by row.
        translation: Its translation, in conventional fractions.

    Returns:
        For each position, in the order of letters, the index of its image.

    Raises:
        SymmetryError: The map does not belong to the normalizer.
    """
    group = space_group(number)
    first = np.array([position.maps[0] for position in group.positions])
    inverse = np.array([position.inverse for position in group.positions])
    kind = np.array([(p.multiplicity, p.n_free) for p in group.positions])
    start, end = np.nonzero((kind[:, None] == kind[None]).all(axis=2))
    points = first[:, :, :3] @ GENERIC + first[:, :, 3]
    moved = points @ np.array(rotation).reshape(3, 3).T + np.array(translation)
    images = np.einsum("jab,pb->pja", group.rotations, moved) + group.translations
    offset = images[start] - first[end][:, None, :, 3]  # pair, operation, axis
    onto = first[end][:, :, :3] @ inverse[end]  # keeps what xyz can reach
    residual = offset - offset @ onto.swapaxes(1, 2)
    residual -= np.rint(residual)
    fits = np.zeros((len(kind), len(kind)), dtype=bool)
    fits[start, end] = (np.abs(residual).max(axis=2) < _TOLERANCE).any(axis=1)
    if not (fits.sum(axis=1) == 1).all():
        raise SymmetryError(
            f"group {number}: got the map {rotation}, {translation}; expected one that "
            "carries the group onto itself"
        )
    return tuple(int(index) for index in fits.argmax(axis=1))


@lru_cache(maxsize=230)
def coset_letters(number: int) -> Int[np.ndarray, "cosets letters"]:
    """`letter_permutation` of each coset representative."""
    return np.array(
        [
            letter_permutation(
                number, tuple(rotation.ravel().tolist()), tuple(translation.tolist())
            )
            for rotation, translation in zip(
                *coset_representatives(number), strict=True
            )
        ]
    )


@lru_cache(maxsize=4096)
def translations_for(
    number: int, rotation: tuple[int, ...]
) -> tuple[tuple[float, float, float], ...]:
    """Translations that complete a linear part to a map of the normalizer.

    For triclinic and monoclinic groups, whose translations are multiples of 1/4.

    Args:
        number: Space group, 1 to 15.
        rotation: The nine integers of the linear part, row by row.

    Returns:
        Translations with zeros along polar axes, one per class modulo the lattice;
        none where the linear part does not belong to the normalizer.
    """
    group = space_group(number)
    matrix = np.array(rotation).reshape(3, 3)
    steps = [(0.0,) if polar else (0.0, 0.25, 0.5, 0.75) for polar in group.polar_axes]
    trials = np.array(list(product(*steps)))
    carries = _carries(group, matrix, trials)
    centring = group.translations[(group.rotations == np.eye(3, dtype=int)).all((1, 2))]
    chosen: list[tuple[float, float, float]] = []
    seen: set[tuple[float, ...]] = set()
    for trial in trials[carries]:
        if tuple(trial.tolist()) not in seen:
            chosen.append((float(trial[0]), float(trial[1]), float(trial[2])))
            seen.update(tuple(row) for row in ((trial + centring) % 1.0).tolist())
    return tuple(chosen)


def _carries(
    group: SpaceGroup,
    matrix: Int[np.ndarray, "3 3"],
    trials: Float[np.ndarray, "trials 3"],
) -> np.ndarray:
    """Which translations make the map carry the group onto itself."""
    inverse = np.rint(np.linalg.inv(matrix)).astype(np.int64)
    carried = matrix @ group.rotations @ inverse
    same = (carried[:, None] == group.rotations[None]).all(axis=(2, 3))
    if not same.any(axis=1).all():
        return np.zeros(len(trials), dtype=bool)
    # (W, w)(R, t)(W, w)^-1 = (WRW^-1, Wt + w - WRW^-1 w)
    moved = (
        (group.translations @ matrix.T)[None]
        + trials[:, None]
        - np.einsum("jab,tb->tja", carried, trials)
    )
    offset = moved[:, :, None] - group.translations
    offset -= np.rint(offset)
    found = (np.abs(offset).max(axis=3) < _TOLERANCE) & same
    return found.any(axis=2).all(axis=1)


def is_normalizer_element(
    number: int, rotation: Int[np.ndarray, "3 3"], translation: Float[np.ndarray, "3"]
) -> bool:
    """Whether conjugation with a map carries the space group onto itself."""
    carries = _carries(space_group(number), rotation, np.asarray(translation)[None])
    return bool(carries[0])
