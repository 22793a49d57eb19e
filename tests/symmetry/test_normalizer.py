from itertools import permutations, product

import numpy as np
import pytest

from crystalgen.errors import SymmetryError
from crystalgen.symmetry.normalizer import (
    coset_letters,
    coset_representatives,
    is_normalizer_element,
    letter_permutation,
    translations_for,
)
from crystalgen.symmetry.wyckoff import space_group

ALL_GROUPS = range(1, 231)
HEXAGONAL_ROTATION = np.array([[1, -1, 0], [1, 0, 0], [0, 0, 1]])
HEXAGONAL_MIRROR = np.array([[0, 1, 0], [1, 0, 0], [0, 0, 1]])


def seitz(rotations, translations):
    """Operations as a set of whole numbers (translations in 24ths of the cell)."""
    shifts = np.rint(np.asarray(translations) * 24).astype(int) % 24
    rows = np.concatenate([np.asarray(rotations).reshape(-1, 9), shifts], axis=1)
    return {tuple(row) for row in rows.tolist()}


def holohedry(group):
    """Linear parts that a normalizer element of this group can have at all."""
    if group.crystal_system not in ("trigonal", "hexagonal"):
        return [
            np.diag(signs)[list(order)]
            for order in permutations(range(3))
            for signs in product((1, -1), repeat=3)
        ]
    turns = [np.linalg.matrix_power(HEXAGONAL_ROTATION, n) for n in range(6)]
    planar = turns + [turn @ HEXAGONAL_MIRROR for turn in turns]
    return [matrix @ np.diag([1, 1, z]) for matrix in planar for z in (1, -1)]


@pytest.mark.parametrize("number", ALL_GROUPS)
def test_conjugation_with_a_coset_representative_keeps_the_group(number):
    group = space_group(number)
    operations = seitz(group.rotations, group.translations)
    for matrix, shift in zip(*coset_representatives(number), strict=True):
        inverse = np.rint(np.linalg.inv(matrix)).astype(int)
        rotations = matrix @ group.rotations @ inverse
        # (W, w)(R, t)(W, w)^-1 x = W R W^-1 (x - w) + W t + w
        translations = group.translations @ matrix.T + shift - rotations @ shift
        assert seitz(rotations, translations) == operations
        assert is_normalizer_element(number, matrix, shift)


@pytest.mark.parametrize("number", range(16, 231))
def test_no_coset_is_missing(number):
    """Search all linear parts and translations in 12ths or 8ths of the cell."""
    group = space_group(number)
    hexagonal = group.crystal_system in ("trigonal", "hexagonal")
    counts = (6, 6, 12) if hexagonal else (8, 8, 8)
    steps = [
        [0.0] if polar else [k / n for k in range(n)]
        for polar, n in zip(group.polar_axes, counts, strict=True)
    ]
    trials = np.array(list(product(*steps)))
    across = ~np.array(group.polar_axes)
    expected, listed = set(), set()
    for matrix in holohedry(group):
        for shift in _carries(group, matrix, trials):
            expected |= seitz(matrix[None], shift[None] * across)
    for matrix, shift in zip(*coset_representatives(number), strict=True):
        rotations = matrix @ group.rotations
        translations = (group.translations @ matrix.T + shift) * across
        listed |= seitz(rotations, translations)
    assert listed == expected


def _carries(group, matrix, trials):
    """Which translations complete a linear part; the operations one after the other."""
    inverse = np.rint(np.linalg.inv(matrix)).astype(int)
    alive = trials
    for rotation, translation in zip(group.rotations, group.translations, strict=True):
        carried = matrix @ rotation @ inverse
        same = (group.rotations == carried).all(axis=(1, 2))
        moved = matrix @ translation + alive - alive @ carried.T
        offset = moved[:, None] - group.translations[same]
        matches = (np.abs(offset - np.rint(offset)) < 1e-6).all(axis=2).any(axis=1)
        alive = alive[matches]
        if not len(alive):
            break
    return alive


@pytest.mark.parametrize("number", ALL_GROUPS)
def test_letters_are_permuted_among_positions_of_one_kind(number):
    group = space_group(number)
    kinds = [(p.multiplicity, p.n_free) for p in group.positions]
    for moved in coset_letters(number):
        assert sorted(moved) == list(range(len(kinds)))
        assert [kinds[index] for index in moved] == kinds


def test_letters_swap_in_rock_salt_when_the_origin_moves_by_half():
    identity = (1, 0, 0, 0, 1, 0, 0, 0, 1)
    moved = letter_permutation(225, identity, (0.5, 0.5, 0.5))
    # International Tables: a and b, h and i trade places in Fm-3m
    assert moved == (1, 0, 2, 3, 4, 5, 6, 8, 7, 9, 10, 11)


def test_a_map_outside_the_normalizer_is_refused():
    with pytest.raises(SymmetryError, match="carries the group onto itself"):
        letter_permutation(225, (1, 0, 0, 0, 1, 0, 0, 0, 1), (0.3, 0.0, 0.0))


@pytest.mark.parametrize("number", range(1, 16))
def test_translations_of_low_symmetry_groups_match_the_tables(number):
    """The cosets with the identity as linear part, modulo polar axes and lattice."""
    group = space_group(number)
    across = ~np.array(group.polar_axes)
    rotations, translations = coset_representatives(number)
    pure = (rotations == np.eye(3, dtype=int)).all(axis=(1, 2))
    centring = (group.rotations == np.eye(3, dtype=int)).all(axis=(1, 2))
    lattice = group.translations[centring]

    def classes(shifts):
        return {
            frozenset(seitz(np.eye(3, dtype=int)[None].repeat(len(lattice), 0), s))
            for s in shifts
        }

    found = np.array(translations_for(number, (1, 0, 0, 0, 1, 0, 0, 0, 1)))
    assert classes((found[:, None] + lattice) * across) == classes(
        (translations[pure][:, None] + lattice) * across
    )


@pytest.mark.parametrize(
    ("number", "rotation", "is_possible"),
    [
        (3, (1, 0, 1, 0, 1, 0, 0, 0, 1), True),
        (14, (1, 0, 0, 0, 1, 0, 1, 0, 1), True),  # c' = c, a' = a - c
        (14, (1, 0, 1, 0, 1, 0, 0, 0, 1), False),  # moves the glide out of c
        (14, (0, 0, 1, 0, -1, 0, 1, 0, 0), False),  # swaps a and c
        (10, (0, 0, 1, 0, -1, 0, 1, 0, 0), True),
    ],
)
def test_a_shear_belongs_to_the_normalizer_only_where_it_keeps_the_glide(
    number, rotation, is_possible
):
    assert bool(translations_for(number, rotation)) == is_possible
