import numpy as np
import torch
from hypothesis import given, strategies as st

from crystalgen.model.cell import lattice_parameters
from crystalgen.model.collate import collate, label_examples
from crystalgen.model.tables import symmetry_tables
from crystalgen.representation.prototype import MIN_SEEN, count_prototypes
from crystalgen.representation.table import CrystalTable

N_CRYSTALS = 14
rows = st.lists(st.integers(0, N_CRYSTALS - 1), min_size=1, max_size=6)


def test_the_textbook_crystals_are_as_many_as_these_tests_think(crystals):
    assert len(crystals) == N_CRYSTALS


@given(indices=rows)
def test_every_crystal_can_be_read_back_from_a_batch(crystals, examples, indices):
    batch = collate(examples, np.array(indices))
    tables, templates = symmetry_tables(), batch.templates
    n_atoms = tables.multiplicity[templates.position].sum(dim=1)
    cells = lattice_parameters(batch.geometry.cell, n_atoms)
    for row, index in enumerate(indices):
        crystal = crystals[index]
        n = crystal.n_orbits
        letters = tables.letter[templates.position[row]]
        species = batch.species[row].gather(0, templates.role[row])
        assert int(templates.space_group[row]) == crystal.space_group
        assert templates.present[row].tolist() == [
            place < n for place in range(templates.position.shape[1])
        ]
        assert tuple(letters[:n].tolist()) == crystal.wyckoff
        assert tuple(species[:n].tolist()) == crystal.species
        coords = batch.geometry.coords[row, :n]
        np.testing.assert_allclose(coords, crystal.free_coords, atol=1e-6)
        np.testing.assert_allclose(cells[row], crystal.lattice_parameters, rtol=1e-4)


@given(indices=rows)
def test_edges_join_orbits_of_their_own_crystal(crystals, tables, examples, indices):
    batch = collate(examples, np.array(indices))
    graphs, n_orbits = tables[1], batch.templates.position.shape[1]
    edges = batch.edges
    assert torch.equal(edges.source // n_orbits, edges.target // n_orbits)
    for row, index in enumerate(indices):
        graph = graphs.graph(index)
        own = edges.source // n_orbits == row
        assert (edges.source[own] % n_orbits).tolist() == graph.source.tolist()
        assert (edges.target[own] % n_orbits).tolist() == graph.target.tolist()
        assert edges.length[own].tolist() == graph.length.tolist()
        assert int((edges.source[own] % n_orbits).max()) < crystals[index].n_orbits


def test_padding_is_zero_everywhere(examples):
    batch = collate(examples, np.arange(N_CRYSTALS))
    templates = batch.templates
    assert not templates.role[~templates.present].any()
    assert not batch.geometry.coords[~templates.present].any()
    assert not batch.species[~templates.role_present(batch.species.shape[1])].any()


def test_only_prototypes_with_an_embedding_are_numbered(tables):
    crystals, graphs = tables
    vocabulary = count_prototypes(crystals)
    examples = label_examples(crystals, graphs, vocabulary)
    n_embedded = int((vocabulary.count >= MIN_SEEN).sum())
    counted = np.bincount(examples.prototype)[1:]
    assert counted.tolist() == vocabulary.count[:n_embedded].tolist()


def test_a_known_prototype_has_its_own_centre(examples):
    is_known = examples.prototype > 0
    assert (examples.centre[is_known] == examples.prototype[is_known]).all()


def test_a_prototype_that_is_not_in_the_vocabulary_is_unknown(tables):
    crystals, graphs = tables
    other = count_prototypes(
        CrystalTable.from_crystals([crystals.crystal(5)], identifiers=["Si"])
    )
    examples = label_examples(crystals, graphs, other)
    assert not examples.prototype.any()
    # of silicon alone the usual geometry is known, and not to be seen in training
    assert np.flatnonzero(examples.centre).tolist() == [5]
    training = label_examples(crystals, graphs, other, is_training=True)
    assert not training.prototype.any()
    assert not training.centre.any()
