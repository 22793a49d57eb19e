import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from crystalgen.generation.template_cells import NEW, cells_of, n_elements
from crystalgen.model.tables import N_GROUPS


@pytest.fixture(scope="module")
def chances(weights):
    """Random weights, and zeros among them, for all that can be drawn."""
    vocabulary = weights.vocabulary
    rng = np.random.default_rng(0)
    prototypes = rng.exponential(size=len(vocabulary))
    prototypes[::7] = 0
    groups = np.bincount(vocabulary.space_group, prototypes, N_GROUPS + 1)
    groups[19] = 1
    new = rng.random(N_GROUPS + 1) * (rng.random(N_GROUPS + 1) > 0.5)
    new[groups == 0] = 0
    new[19] = 1
    return {"prototypes": prototypes, "groups": groups / groups.sum(), "new": new}


@pytest.fixture(scope="module")
def cells(weights, chances):
    return cells_of(weights.vocabulary, **chances)


def test_every_group_has_its_probability(cells, chances):
    of_group = np.bincount(cells.group, cells.probability, N_GROUPS + 1)
    assert of_group == pytest.approx(chances["groups"])
    is_new = cells.row == NEW
    new = np.bincount(cells.group, cells.probability * is_new, N_GROUPS + 1)
    assert new == pytest.approx(chances["groups"] * chances["new"])


def test_prototypes_of_a_group_share_it_by_their_weights(cells, chances, weights):
    known = cells.row != NEW
    rows, probability = cells.row[known], cells.probability[known]
    assert sorted(rows) == list(range(len(weights.vocabulary)))
    assert (cells.group[known] == weights.vocabulary.space_group[rows]).all()
    for group in np.unique(cells.group[known]):
        mine = cells.group[known] == group
        weight = chances["prototypes"][rows[mine]]
        whole = chances["groups"][group] * (1 - chances["new"][group])
        assert probability[mine] * weight.sum() == pytest.approx(whole * weight)


def test_each_number_of_elements_is_one_interval(cells, weights):
    elements = n_elements(weights.vocabulary)
    assert elements.tolist() == [each.n_elements for each in weights.vocabulary.index]
    assert (np.diff(elements[cells.row[cells.row != NEW]]) >= 0).all()


@settings(max_examples=50)
@given(point=st.floats(0, 1, exclude_max=True))
def test_a_point_lies_in_an_interval_that_can_be_drawn(cells, point):
    group, row = cells.at(point)
    [cell] = np.flatnonzero((cells.group == group) & (cells.row == row))
    below = cells.edges[cell] - cells.probability[cell]
    assert below - 1e-12 <= point <= cells.edges[cell] + 1e-12
    assert np.exp(cells.log_prob(group, row)) == pytest.approx(cells.probability[cell])
    assert cells.probability[cell] > 0
