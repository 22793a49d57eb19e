import numpy as np
import pytest
import torch

from crystalgen.model.atoms import collate_atoms, lattices, list_atoms, pair_vectors
from crystalgen.representation.conversion import to_structure


def site(crystal):
    return (
        crystal.space_group,
        crystal.wyckoff,
        crystal.free_coords,
        crystal.lattice_parameters,
    )


@pytest.fixture(scope="module")
def table(crystals):
    return list_atoms([site(each) for each in crystals], radius=4.5)


def lengths(crystals, table, indices):
    """Lengths of all pairs, grouped by crystal."""
    atoms = collate_atoms(table, np.array(indices))
    some = [crystals[index] for index in indices]
    coords = torch.from_numpy(np.concatenate([each.free_coords for each in some]))
    cells = torch.from_numpy(np.array([each.lattice_parameters for each in some]))
    lattice = lattices(atoms, cells).float()
    vectors = pair_vectors(atoms, coords.float(), lattice)
    of_pair = atoms.crystal[atoms.target]
    norms = vectors.norm(dim=1)
    return [norms[of_pair == row].sort().values for row in range(len(some))]


def test_pairs_are_those_of_pymatgen(crystals, table):
    found = lengths(crystals, table, range(len(crystals)))
    for crystal, got in zip(crystals, found, strict=True):
        structure = to_structure(crystal)
        first = np.cumsum([0, *crystal.orbit_sizes[:-1]])
        expected = np.sort(
            [
                neighbour.nn_distance
                for index in first
                for neighbour in structure.get_neighbors(structure[int(index)], 4.5)
            ]
        )
        np.testing.assert_allclose(got, expected, atol=1e-4)


def test_a_batch_is_its_crystals_one_by_one(crystals, table):
    together = lengths(crystals, table, [5, 2, 9])
    for index, got in zip([5, 2, 9], together, strict=True):
        torch.testing.assert_close(got, lengths(crystals, table, [index])[0])


def test_offsets_end_with_the_number_of_rows(crystals, table):
    assert table.orbit_offsets[-1] == sum(each.n_orbits for each in crystals)
    assert table.atom_offsets[-1] == sum(each.n_atoms for each in crystals)
    assert table.pair_offsets[-1] == len(table.target) == len(table.image)
