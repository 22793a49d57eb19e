import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, strategies as st

from crystalgen.errors import GeometryError
from crystalgen.symmetry.detection import detect, space_group_number
from crystalgen.symmetry.gate import ANGLES, FLATNESS, check_geometry
from crystalgen.symmetry.lattice import lattice_matrix

CUBE = np.eye(3) * 4.0
PAIR = np.array([[0.0, 0.0, 0.0], [0.5, 0.5, 0.5]])


def cell(*parameters):
    return lattice_matrix(np.array(parameters, dtype=float))


def test_an_ordinary_crystal_passes():
    check_geometry(CUBE, PAIR)


BROKEN = [
    (CUBE * np.nan, PAIR, "cell length a: got nan"),
    (np.diag([np.inf, 4.0, 4.0]), PAIR, "cell length a: got inf"),
    (CUBE * 0, PAIR, "cell length a: got 0"),
    (np.diag([4.0, 4.0, 0.2]), PAIR, "cell length c: got 0.2"),
    (np.diag([4.0, 5000.0, 4.0]), PAIR, "cell length b: got 5000"),
    (np.array([[4, 0, 0], [4, 1e-3, 0], [0, 0, 4.0]]), PAIR, "cell angle gamma"),
    (np.array([[4, 0, 0], [0, 4, 0], [4, 0, 0.1]]), PAIR, "cell angle beta"),
    (np.array([[4, 0, 0], [0, 4, 0], [4, 4, 1e-3]]), PAIR, "nearly flat"),
    (np.diag([0.6, 0.6, 0.6]), PAIR, "volume per atom: got 0.108"),
    (np.diag([900.0, 900.0, 900.0]), PAIR, "volume per atom: got 3.645e"),
    (CUBE, PAIR * np.nan, "coordinates: got a magnitude of nan"),
    (CUBE, PAIR + np.inf, "coordinates: got a magnitude of inf"),
    (CUBE, PAIR + 1e9, "coordinates: got a magnitude of 1"),
    (CUBE, PAIR[:0], "got no atoms"),
    (CUBE, np.array([[0, 0, 0], [0.5, 0, 0], [1.0, 1.0, -1.0]]), "atoms 0 and 2"),
    (CUBE, np.array([[0, 0, 0.9999], [0, 0, 1e-5]]), "atoms 0 and 1"),
]


@pytest.mark.parametrize(("lattice", "coords", "message"), BROKEN)
def test_what_no_crystal_can_have_is_refused_by_name(lattice, coords, message):
    with pytest.raises(GeometryError, match=message):
        check_geometry(lattice, coords)


@pytest.mark.parametrize(("lattice", "coords", "message"), BROKEN)
def test_nothing_reaches_spglib_unchecked(lattice, coords, message):
    numbers = np.full(len(coords), 6)
    with pytest.raises(GeometryError, match=message):
        detect(lattice, coords, numbers)
    with pytest.raises(GeometryError, match=message):
        space_group_number(lattice, coords, numbers)


@given(
    st.integers(2, 40),
    st.integers(0, 2**32 - 1),
    st.sampled_from(
        [(4, 4, 4, 90, 90, 90), (3, 9, 30, 70, 115, 62), (8, 8, 8, 5, 5, 5)]
    ),
)
def test_two_atoms_at_one_place_are_found_in_any_cell(n_atoms, seed, parameters):
    rng = np.random.default_rng(seed)
    lattice = cell(*parameters) * n_atoms ** (1 / 3)
    coords = rng.random((n_atoms, 3))
    check_geometry(lattice, coords)
    first, second = rng.choice(n_atoms, 2, replace=False)
    coords[second] = coords[first] + rng.integers(-2, 3, 3)
    coords[second] += rng.normal(size=3) * 1e-3 @ np.linalg.inv(lattice)
    with pytest.raises(GeometryError, match=f"atoms {min(first, second)} and"):
        check_geometry(lattice, coords)


def test_spglib_survives_the_worst_cells_that_pass():
    """In a process of its own: before the gate such calls crashed or hung."""
    code = f"""
import numpy as np
from crystalgen.errors import CrystalgenError
from crystalgen.symmetry.detection import detect
from crystalgen.symmetry.lattice import lattice_matrix
rng = np.random.default_rng(0)
low, high = {ANGLES}
answers = 0
for _ in range(150):
    lengths = 10 ** rng.uniform(-0.3, 2.9, 3)
    angles = rng.choice([low, 5, 20, 60, 90, 120, 170, high], 3) + rng.uniform(0, .1, 3)
    try:
        lattice = lattice_matrix(np.array([*lengths, *angles]))
        detect(lattice, rng.random((3, 3)), np.array([1, 6, 6]))
        answers += 1
    except CrystalgenError:
        pass
for tilt in np.geomspace({FLATNESS} * 1.01, 1, 20):
    lattice = np.array([[5, 0, 0], [0, 5, 0], [5, 5, 5 * tilt]])
    try:
        detect(lattice, np.array([[0, 0, 0], [.5, .5, .5]]), np.array([3, 3]))
        answers += 1
    except CrystalgenError:
        pass
print(answers)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, timeout=100, check=True
    )
    assert int(done.stdout) > 20
