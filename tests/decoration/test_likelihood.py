from dataclasses import replace

import numpy as np
import pytest

from crystalgen.decoration.likelihood import (
    WEIGHTS,
    predicted_log_volumes,
    scores,
    terms,
)
from crystalgen.representation.canonical import canonicalize


@pytest.fixture(scope="module")
def canonical(crystals):
    return [canonicalize(crystal) for crystal in crystals]


def test_a_score_does_not_depend_on_the_rest_of_the_batch(weights, canonical):
    together = scores(weights, canonical)
    alone = [scores(weights, [each])[0] for each in canonical]
    np.testing.assert_allclose(together, alone, atol=1e-3)
    assert np.isfinite(together).all()


def test_a_score_is_the_weighted_sum_of_its_terms(weights, canonical):
    parts = terms(weights, canonical)
    total = np.array(WEIGHTS) @ np.stack(parts)
    np.testing.assert_allclose(scores(weights, canonical), total)


def test_atoms_that_are_too_close_count(weights, canonical):
    squeezed = canonical[0]
    factor = np.array([0.3, 0.3, 0.3, 1, 1, 1])
    squeezed = replace(
        squeezed, lattice_parameters=squeezed.lattice_parameters * factor
    )
    assert terms(weights, [canonical[0], squeezed]).spacing.tolist() == [1, 0]


def test_charges_that_do_not_cancel_count(weights, canonical):
    salt = next(each for each in canonical if each.formula == "NaCl")
    other = canonicalize(replace(salt, species=(11, 8)))
    assert terms(weights, [salt, other]).balance.tolist() == [1, 0]


def test_nothing_is_scored_for_no_crystals(weights):
    assert scores(weights, []).shape == (0,)


def test_volumes_do_not_depend_on_the_cell(weights, canonical):
    factor = np.array([1.2, 1.2, 1.2, 1, 1, 1])
    larger = [
        replace(each, lattice_parameters=each.lattice_parameters * factor)
        for each in canonical
    ]
    np.testing.assert_allclose(
        predicted_log_volumes(weights, canonical),
        predicted_log_volumes(weights, larger),
    )
