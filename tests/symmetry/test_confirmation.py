import numpy as np
import pytest
from hypothesis import assume, given, settings, strategies as st

from crystalgen.errors import GeometryError, RepresentationError
from crystalgen.representation.conversion import expand
from crystalgen.representation.crystal import SymmetricCrystal
from crystalgen.symmetry import confirmation
from crystalgen.symmetry.confirmation import has_maximal_point_group, is_group_found
from crystalgen.symmetry.detection import found_group, space_group_number
from crystalgen.symmetry.lattice import constrain
from crystalgen.symmetry.wyckoff import space_group

MAXIMAL = [number for number in range(1, 231) if has_maximal_point_group(number)]


def rotation_kinds(number):
    """Determinant and trace of each rotation of a group, without those of centring."""
    rotations = np.unique(space_group(number).rotations, axis=0)
    determinants = np.rint(np.linalg.det(rotations)).astype(int)
    traces = np.trace(rotations, axis1=1, axis2=2)
    return list(zip(determinants.tolist(), traces.tolist(), strict=True))


def test_no_point_group_is_larger_than_a_maximal_one_and_has_its_rotations():
    kinds = {number: rotation_kinds(number) for number in range(1, 231)}
    for one in MAXIMAL:
        for other in kinds:
            is_larger = len(kinds[other]) > len(kinds[one])
            holds_it = all(
                kinds[other].count(kind) >= kinds[one].count(kind)
                for kind in set(kinds[one])
            )
            assert not (is_larger and holds_it)


def test_all_other_groups_are_of_point_groups_inside_the_maximal_ones():
    orders = [len(rotation_kinds(number)) for number in MAXIMAL]
    assert sorted(set(orders)) == [24, 48]
    for number in set(range(1, 231)) - set(MAXIMAL):
        assert len(rotation_kinds(number)) <= 24
        assert rotation_kinds(number) != rotation_kinds(191)


def near_symmetric(number, seed):
    """Atoms of few elements near multiples of 1/24, so that they nearly repeat."""
    rng, group = np.random.default_rng(seed), space_group(number)
    sizes = [p.multiplicity // group.n_centring for p in group.positions]
    few = np.flatnonzero(np.array(sizes) <= 24)
    wyckoff = np.unique(rng.choice(few, rng.integers(1, 4)))
    free = np.array([group.positions[index].free for index in wyckoff])
    off = rng.choice([0, 0.003, 0.01, 0.02, 0.04]) * rng.uniform(-1, 1, free.shape)
    coords = (rng.integers(0, 24, free.shape) / 24 + off) % 1.0
    cell = np.array([*rng.uniform(4, 12, 3), 90, 90, 90])
    return SymmetricCrystal(
        space_group=number,
        wyckoff=tuple(wyckoff.tolist()),
        species=tuple(rng.choice([3, 8], len(wyckoff), p=[0.75, 0.25]).tolist()),
        free_coords=coords * free,
        lattice_parameters=constrain(cell, group.crystal_system),
    )


def shortest(atoms):
    apart = atoms.frac_coords[:, None] - atoms.frac_coords[None]
    distances = np.linalg.norm((apart - np.rint(apart)) @ atoms.lattice, axis=2)
    np.fill_diagonal(distances, np.inf)
    return distances.min()


@settings(max_examples=80)
@given(number=st.sampled_from(MAXIMAL), seed=st.integers(0, 2**32 - 1))
def test_the_verdict_is_the_one_of_spglib_near_any_symmetry(number, seed):
    try:
        atoms = expand(near_symmetric(number, seed))
    except RepresentationError:
        assume(False)
        raise
    assume(len(atoms.numbers) <= 16 and shortest(atoms) > 0.3)
    cell = atoms.lattice, atoms.frac_coords, atoms.numbers
    try:
        found = found_group(*cell)
    except GeometryError:
        with pytest.raises(GeometryError):
            is_group_found(number, *cell)
        return
    expected = (found.number, found.n_primitive) == (number, len(atoms.numbers))
    assert is_group_found(number, *cell) == expected


def test_textbook_crystals_have_their_group(crystals):
    for each in crystals:
        atoms = expand(each)
        cell = atoms.lattice, atoms.frac_coords, atoms.numbers
        assert is_group_found(each.space_group, *cell)


def cubic(number, edge, *orbits):
    """A cubic crystal of orbits (position, atomic number, x)."""
    wyckoff, species, x = zip(*orbits, strict=True)
    return expand(
        SymmetricCrystal(
            space_group=number,
            wyckoff=wyckoff,
            species=species,
            free_coords=np.array([[value, 0.0, 0.0] for value in x]),
            lattice_parameters=np.array([edge] * 3 + [90.0] * 3),
        )
    )


@pytest.mark.parametrize(
    ("number", "orbits", "higher"),
    [
        (221, [(0, 26, 0.0), (1, 26, 0.0)], 229),  # a body-centred cubic metal
        (221, [(0, 29, 0.0), (2, 29, 0.0)], 225),  # a face-centred cubic one
        (225, [(0, 84, 0.0), (1, 84, 0.0)], 221),  # a simple cubic one
        (229, [(0, 3, 0.0), (1, 3, 0.0)], 221),
    ],
)
def test_a_smaller_cell_of_another_group_is_noticed(number, orbits, higher):
    atoms = cubic(number, 4.0, *orbits)
    cell = atoms.lattice, atoms.frac_coords, atoms.numbers
    assert space_group_number(*cell) == higher
    assert not is_group_found(number, *cell)
    assert not is_group_found(higher, *cell)  # it is not a primitive cell of that


def test_a_smaller_cell_of_a_group_of_the_same_kind_is_noticed():
    """A quarter of a double cell of P-1, with all atoms of one element."""
    cell = np.diag([3.0, 4.1, 5.3]) + 0.2 * np.tri(3, k=-1)
    doubled = cell * np.array([[2.0], [1.0], [1.0]])
    coords = np.array([[0.0, 0.0, 0.0], [0.5, 0.0, 0.0]])
    numbers = np.array([26, 26])
    assert space_group_number(doubled, coords, numbers) == 2
    assert not is_group_found(2, doubled, coords, numbers)
    assert is_group_found(2, cell, coords[:1], numbers[:1])


@pytest.mark.parametrize(("shift", "is_kept"), [(0.08, False), (0.12, True)])
def test_the_tolerance_is_the_one_of_spglib(shift, is_kept):
    # at x = 1/4 the atoms on e of Fm-3m repeat with half the edge; at x + d some of
    # them are 2 d from where that takes them
    x = 0.25 + shift / 2 / 5.0
    atoms = cubic(225, 5.0, (0, 26, 0.0), (1, 26, 0.0), (4, 8, x))
    cell = atoms.lattice, atoms.frac_coords, atoms.numbers
    assert (space_group_number(*cell) == 225) == is_kept
    assert is_group_found(225, *cell) == is_kept


def test_spglib_is_asked_of_other_groups_and_near_smaller_cells(monkeypatch):
    asked = []

    def count(*cell, symprec, angle_tolerance):
        asked.append(cell)
        return found_group(*cell, symprec=symprec, angle_tolerance=angle_tolerance)

    monkeypatch.setattr(confirmation, "found_group", count)

    def is_asked(number, atoms):
        asked.clear()
        assert is_group_found(number, atoms.lattice, atoms.frac_coords, atoms.numbers)
        return bool(asked)

    rock_salt, zinc_blende = [(0, 11, 0.0), (1, 17, 0.0)], [(0, 30, 0.0), (2, 16, 0.0)]
    assert not is_asked(225, cubic(225, 5.64, *rock_salt))
    assert is_asked(216, cubic(216, 5.4, *zinc_blende))
    near = [(0, 26, 0.0), (1, 26, 0.0), (4, 8, 0.25 + 0.1 / 5)]
    assert is_asked(225, cubic(225, 5.0, *near))


def test_no_crystal_has_a_cell_as_thin_as_the_tolerance():
    atoms = cubic(221, 5.0, (0, 26, 0.0))
    squeezed = np.diag([0.55, 5.0, 5.0])
    assert confirmation.may_be_translated(
        squeezed, atoms.frac_coords, atoms.numbers, within=0.3
    )
