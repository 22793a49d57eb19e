import itertools

import numpy as np
import pytest
from ase import Atoms
from ase.neighborlist import neighbor_list
from hypothesis import given, strategies as st
from hypothesis.extra import numpy as hnp
from pymatgen.core import Lattice, Structure

from crystalgen.errors import GeometryError
from crystalgen.graphs import quotient_graph
from crystalgen.graphs.quotient import reduced_basis

CUBIC_NEIGHBOURS = {
    # lattice, in units of the edge: distances and their numbers (Kittel, chapter 1)
    "fcc": (Lattice([[0, 2, 2], [2, 0, 2], [2, 2, 0]]), [(8**0.5, 12), (4.0, 6)]),
    "bcc": (Lattice([[-2, 2, 2], [2, -2, 2], [2, 2, -2]]), [(12**0.5, 8), (4.0, 6)]),
    "sc": (Lattice.cubic(4.0), [(4.0, 6), (32**0.5, 12), (48**0.5, 8)]),
}


def every_atom_its_own_orbit(structure):
    return np.arange(len(structure)), np.arange(len(structure))


def graph_of(structure, **options):
    return quotient_graph(
        structure.lattice.matrix,
        structure.frac_coords,
        *every_atom_its_own_orbit(structure),
        **options,
    )


@st.composite
def crystals(draw, max_atoms=6):
    """Cells from flat to elongated; the atoms keep apart, some outside the cell."""
    lengths = draw(st.tuples(*[st.floats(2.0, 15.0)] * 3))
    angles = draw(st.tuples(*[st.floats(70.0, 110.0)] * 3))
    places = st.tuples(*[st.integers(0, 23)] * 3)
    cells = st.tuples(*[st.integers(-1, 1)] * 3)
    taken = draw(st.lists(places, min_size=1, max_size=max_atoms, unique=True))
    frac = [np.array(place) / 24 + draw(cells) for place in taken]
    return Structure(
        Lattice.from_parameters(*lengths, *angles), ["H"] * len(frac), frac
    )


@st.composite
def changes_of_basis(draw):
    """Unimodular integer matrices, some of them very skewed."""
    matrix = np.eye(3, dtype=int)
    pairs = list(itertools.permutations(range(3), 2))
    for _ in range(draw(st.integers(0, 6))):
        row, other = draw(st.sampled_from(pairs))
        matrix[row] += draw(st.integers(-4, 4)) * matrix[other]
    return matrix


@pytest.mark.parametrize("name", CUBIC_NEIGHBOURS)
def test_coordination_shells_of_the_cubic_lattices(name):
    lattice, shells = CUBIC_NEIGHBOURS[name]
    expected = [distance for distance, count in shells for _ in range(count)]

    graph = graph_of(Structure(lattice, ["Cu"], [[0, 0, 0]]), n_neighbours=14)

    np.testing.assert_allclose(graph.length, expected[:14], rtol=1e-6)


@given(structure=crystals())
def test_the_lengths_are_those_of_pymatgens_neighbour_list(structure):
    graph = graph_of(structure)

    reference = structure.get_all_neighbors(float(graph.length.max()) + 0.1)
    lengths = graph.length.reshape(len(structure), 12)
    for own, found in zip(lengths, reference, strict=True):
        nearest = sorted(neighbour.nn_distance for neighbour in found)
        np.testing.assert_allclose(np.sort(own), nearest[:12], atol=1e-3)


@pytest.mark.parametrize(
    "cell",
    [
        np.diag([2.0, 2.0, 2.0]),
        np.diag([2.5, 2.5, 60.0]),
        np.diag([2.5, 40.0, 40.0]),
        [[3.0, 0, 0], [2.9, 0.9, 0], [1.4, 0.4, 9.0]],
        [[4.0, 0, 0], [30.0, 3.0, 0], [-21.0, 47.0, 5.0]],
    ],
    ids=["tiny", "needle", "slab", "acute", "skewed"],
)
def test_the_edges_are_those_of_ases_neighbour_list(cell):
    frac = np.array([[0.1, 0.2, 0.3], [0.62, 0.45, 0.83], [0.3, 0.9, 0.55]])
    atoms = Atoms("H3", scaled_positions=frac, cell=cell, pbc=True)

    graph = quotient_graph(np.array(cell), frac, np.arange(3), np.arange(3))

    cutoff = float(graph.length.max()) + 0.01
    first, second, distance = neighbor_list("ijd", atoms, cutoff)
    for atom in range(3):
        order = np.argsort(distance[first == atom], kind="stable")[:12]
        own = graph.target == atom
        expected = distance[first == atom][order]
        np.testing.assert_allclose(np.sort(graph.length[own]), expected, atol=1e-3)
        assert sorted(graph.source[own]) == sorted(second[first == atom][order])


@given(
    structure=crystals(),
    change=changes_of_basis(),
    shift=hnp.arrays(np.float64, 3, elements=st.floats(-1, 1)),
)
def test_the_graph_does_not_depend_on_the_cell_or_the_origin(structure, change, shift):
    moved = Structure(
        Lattice(change @ structure.lattice.matrix),
        structure.species,
        (structure.frac_coords + shift) @ np.linalg.inv(change),
    )

    before, after = graph_of(structure), graph_of(moved)

    np.testing.assert_allclose(after.length, before.length, atol=2e-3)
    np.testing.assert_array_equal(after.target, before.target)


@pytest.mark.parametrize("representatives", [(0, 4), (1, 5), (3, 6), (2, 7)])
def test_any_atom_of_an_orbit_can_represent_it(representatives):
    fcc = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])

    graph = quotient_graph(
        np.diag([5.64, 5.64, 5.64]),  # rock salt
        np.concatenate([fcc, fcc + 0.5]),
        np.repeat([0, 1], 4),
        np.array(representatives),
        n_neighbours=6,
    )

    assert graph.target.tolist() == [0] * 6 + [1] * 6
    assert graph.source.tolist() == [1] * 6 + [0] * 6
    np.testing.assert_allclose(graph.length, 2.82, rtol=1e-6)


def test_a_cut_shell_keeps_the_lowest_orbits_first():
    # the corner sees two atoms of each of the other orbits at 2 Å
    structure = Structure(
        Lattice.cubic(4.0), ["Cs", "Cl", "Cl"], [[0, 0, 0], [0.5, 0, 0], [0, 0.5, 0]]
    )

    graph = graph_of(structure, n_neighbours=3)

    assert graph.source[graph.target == 0].tolist() == [1, 1, 2]


@given(structure=crystals(), seed=st.integers(0, 2**32 - 1))
def test_the_order_of_the_atoms_does_not_matter(structure, seed):
    order = np.random.default_rng(seed).permutation(len(structure))
    orbits = np.arange(len(structure))

    before = graph_of(structure)
    after = quotient_graph(
        structure.lattice.matrix,
        structure.frac_coords[order],
        orbits[order],
        np.argsort(order),
    )

    np.testing.assert_array_equal(after.source, before.source)
    np.testing.assert_allclose(after.length, before.length, atol=1e-5)


@given(structure=crystals(max_atoms=1), change=changes_of_basis())
def test_a_reduced_basis_spans_the_same_lattice_and_is_shortest(structure, change):
    lattice = structure.lattice.matrix

    basis = reduced_basis(change @ lattice)

    steps = basis @ np.linalg.inv(lattice)
    np.testing.assert_allclose(steps, np.rint(steps), atol=1e-6)
    assert abs(np.linalg.det(steps)) == pytest.approx(1)
    minimal = np.sort(Lattice(lattice).get_niggli_reduced_lattice().abc)
    np.testing.assert_allclose(np.linalg.norm(basis, axis=1), minimal, rtol=1e-5)


@pytest.mark.parametrize("angle", [60.0, 90.0, 109.47122063449069, 120.0])
def test_vectors_of_equal_length_do_not_change_places_for_ever(angle):
    # rounding decides which is shorter: 3 % of such cells once never ended
    for edge, height in np.random.default_rng(0).uniform(2.0, 12.0, size=(200, 2)):
        hexagonal = Lattice.from_parameters(edge, edge, height, 90, 90, angle)
        equal = Lattice.from_parameters(edge, edge, edge, *[min(angle, 110.0)] * 3)
        for lattice in (hexagonal, equal):
            lengths = np.linalg.norm(reduced_basis(lattice.matrix), axis=1)
            minimal = np.sort(lattice.get_niggli_reduced_lattice().abc)
            np.testing.assert_allclose(lengths, minimal, rtol=1e-5)


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        (np.full((3, 3), np.nan), "not finite"),
        (np.zeros((3, 3)), "flat"),
        ([[4.0, 0, 0], [0, 4.0, 0], [4.0, 4.0, 0]], "flat"),
        ([[4.0, 0, 0], [0, 4.0, 0], [0, 0, 1e-5]], "planes"),
    ],
)
def test_a_cell_without_volume_is_refused(cell, message):
    with pytest.raises(GeometryError, match=message):
        quotient_graph(
            np.array(cell, dtype=float), np.zeros((1, 3)), np.array([0]), np.array([0])
        )
