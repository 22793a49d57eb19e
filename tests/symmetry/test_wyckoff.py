"""The packaged table against spglib's operations and letters, all 230 groups."""

import subprocess
import sys

import numpy as np
import pytest
import spglib

from crystalgen.errors import SymmetryError
from crystalgen.symmetry.lattice import lattice_matrix, primitive_vectors
from crystalgen.symmetry.normalizer import letter_permutation
from crystalgen.symmetry.wyckoff import (
    LATTICE_POINTS,
    LETTERS,
    crystal_system,
    parse_affine,
    space_group,
    wyckoff_table,
)

ALL_GROUPS = range(1, 231)
XYZ = np.array([0.1372, 0.2917, 0.4134])
CELLS = {
    "triclinic": (5.1, 6.3, 7.4, 83.0, 97.0, 104.0),
    "monoclinic": (5.1, 6.3, 7.4, 90.0, 103.0, 90.0),
    "orthorhombic": (5.1, 6.3, 7.4, 90.0, 90.0, 90.0),
    "tetragonal": (5.1, 5.1, 7.4, 90.0, 90.0, 90.0),
    "trigonal": (5.1, 5.1, 7.4, 90.0, 90.0, 120.0),
    "hexagonal": (5.1, 5.1, 7.4, 90.0, 90.0, 120.0),
    "cubic": (7.4, 7.4, 7.4, 90.0, 90.0, 90.0),
}


def setting(hall_number):
    kind = spglib.get_spacegroup_type(hall_number)
    assert kind is not None
    return kind


def wrapped_set(points):
    """Points modulo the lattice, as a set of whole numbers of 1e-6."""
    return {tuple(row) for row in (np.rint(points * 1e6).astype(int) % 10**6).tolist()}


def test_the_table_holds_1731_positions():
    counts = [len(space_group(number).positions) for number in ALL_GROUPS]
    assert sum(counts) == 1731
    assert max(counts) == counts[47 - 1] == 27
    assert space_group(47).positions[-1].letter == "A"


@pytest.mark.parametrize("number", ALL_GROUPS)
def test_orbits_are_closed_under_every_operation(number):
    group = space_group(number)
    found = spglib.get_symmetry_from_database(group.hall_number)
    assert found is not None
    for position in group.positions:
        points = position.maps[:, :, :3] @ XYZ + position.maps[:, :, 3]
        orbit = wrapped_set(points)
        assert len(orbit) == position.multiplicity
        for rotation, shift in zip(
            found["rotations"], found["translations"], strict=True
        ):
            assert wrapped_set(points @ rotation.T + shift) == orbit


@pytest.mark.parametrize("number", ALL_GROUPS)
def test_sizes_and_freedom_agree_with_the_operations(number):
    group = space_group(number)
    for letter, position in zip(LETTERS, group.positions, strict=False):
        assert position.letter == letter
        first = position.maps[0]
        assert np.linalg.matrix_rank(first[:, :3]) == position.n_free
        assert position.n_free == sum(position.free)
        point = first[:, :3] @ XYZ + first[:, 3]
        offset = group.rotations @ point + group.translations - point
        site_symmetry = (np.abs(offset - np.rint(offset)) < 1e-6).all(axis=1)
        assert site_symmetry.sum() * position.multiplicity == len(group.rotations)
        np.testing.assert_allclose(
            position.inverse @ (point - first[:, 3]), XYZ * position.free, atol=1e-12
        )
    assert group.positions[-1].n_free == 3


@pytest.mark.parametrize("number", ALL_GROUPS)
def test_the_first_images_are_one_per_lattice_point(number):
    group = space_group(number)
    to_primitive = np.linalg.inv(primitive_vectors(group))
    for position in group.positions:
        n_primitive = position.multiplicity // group.n_centring
        maps = position.maps[:n_primitive]
        points = (maps[:, :, :3] @ XYZ + maps[:, :, 3]) @ to_primitive
        assert len(wrapped_set(points)) == n_primitive


@pytest.mark.parametrize("number", ALL_GROUPS)
def test_spglib_names_the_same_letters(number):
    """A crystal with one element on each position; the general one pins the group."""
    group = space_group(number)
    vectors = primitive_vectors(group)
    points, numbers = [], []
    # the general position twice: one orbit of it may have more symmetry
    for index, position in enumerate([*group.positions, group.positions[-1]]):
        maps = position.maps[: position.multiplicity // group.n_centring]
        xyz = (XYZ + np.array([0.0417, 0.0531, 0.0713]) * index) % 1.0
        points.append(maps[:, :, :3] @ xyz + maps[:, :, 3])
        numbers += [index + 1] * len(maps)
    lattice = lattice_matrix(np.array(CELLS[group.crystal_system]))
    coords = np.concatenate(points) @ np.linalg.inv(vectors)
    found = spglib.get_symmetry_dataset(
        ((vectors @ lattice).tolist(), coords.tolist(), numbers),
        symprec=1e-4,
        hall_number=group.hall_number,
    )
    assert found is not None
    assert found.number == number
    # spglib may prefer another origin or other axes: an element of the normalizer
    change = found.transformation_matrix @ np.linalg.inv(vectors).T
    moved = letter_permutation(
        number,
        tuple(np.rint(change).astype(int).ravel().tolist()),
        tuple((np.rint(found.origin_shift * 24) / 24).tolist()),
    )
    letters = [group.positions[index].letter for index in [*moved, moved[-1]]]
    assert found.wyckoffs == [letters[element - 1] for element in numbers]


def test_settings_are_the_standard_ones_of_international_tables():
    choices = {n: setting(space_group(n).hall_number) for n in ALL_GROUPS}
    assert [kind.number for kind in choices.values()] == list(ALL_GROUPS)
    first_hall = {}
    for hall_number in range(530, 0, -1):
        first_hall[setting(hall_number).number] = hall_number
    with_two_origins = [
        n for n, kind in choices.items() if kind.hall_number != first_hall[n]
    ]
    assert len(with_two_origins) == 24
    assert {choices[n].choice for n in with_two_origins} == {"2"}
    rhombohedral = [n for n in ALL_GROUPS if space_group(n).symbol[0] == "R"]
    assert rhombohedral == [146, 148, 155, 160, 161, 166, 167]
    assert {choices[n].choice for n in rhombohedral} == {"H"}
    for number, kind in choices.items():
        group = space_group(number)
        assert (group.symbol, group.choice) == (kind.international_short, kind.choice)
        assert len(group.rotations) == len(group.translations)


@pytest.mark.parametrize("number", ALL_GROUPS)
def test_packaged_facts_agree_with_the_operations(number):
    group = space_group(number)
    multiplicities = [position.multiplicity for position in group.positions]
    assert wyckoff_table()[str(number)]["multiplicities"] == " ".join(
        map(str, multiplicities)
    )
    assert group.n_centring == LATTICE_POINTS[group.symbol[0]]
    assert crystal_system(number) == group.crystal_system


@pytest.mark.parametrize("number", ALL_GROUPS)
def test_polar_axes_span_what_all_rotations_fix(number):
    group = space_group(number)
    fixed = group.rotations.mean(axis=0)  # the projector on the fixed vectors
    np.testing.assert_allclose(
        fixed, np.diag(np.array(group.polar_axes, float)), atol=1e-9
    )


def test_there_are_68_polar_groups():
    assert sum(any(space_group(number).polar_axes) for number in ALL_GROUPS) == 68


@pytest.mark.parametrize("number", [0, -1, 231])
def test_a_group_that_does_not_exist_is_refused(number):
    with pytest.raises(SymmetryError, match=f"got {number}; expected 1 to 230"):
        space_group(number)


def test_triplets_read_as_affine_maps():
    expected = [[1, 0, 0, 0], [2, 0, 0, 0], [0, 0, 0, 0.25]]
    assert parse_affine("x,2x,1/4").tolist() == expected
    assert parse_affine("-x+y,1/2-z,z").tolist()[1] == [0, 0, -1, 0.5]


def test_importing_symmetry_reads_no_table_and_needs_no_pyxtal():
    code = (
        "import sys, crystalgen.symmetry.wyckoff as w, crystalgen.symmetry.detection\n"
        "assert w.wyckoff_table.cache_info().currsize == 0\n"
        "assert w.space_group(227).symbol == 'Fd-3m'\n"
        "assert not {'pyxtal', 'pymatgen', 'torch'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
