from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, strategies as st

from crystalgen.model.collate import collate
from crystalgen.model.critic import (
    ABOVE_HULL,
    DENSITY,
    FORCE,
    FORMATION,
    Critic,
    scores_of,
    targets_of,
)


@pytest.fixture(scope="module")
def critic(tiny_config):
    with torch.random.fork_rng():
        torch.manual_seed(2)
        return Critic(replace(tiny_config, critic_width=8, critic_layers=2)).eval()


@pytest.fixture(scope="module")
def batch(examples):
    return collate(examples, np.arange(len(examples)))


def test_a_crystal_scores_the_same_alone_and_in_a_batch(critic, batch):
    together = critic(batch.templates, batch.species)
    for row in range(len(batch)):
        one = batch.templates.rows(torch.tensor([row]))
        n_orbits = int(one.present.sum())
        alone = replace(
            one, position=one.position[:, :n_orbits], role=one.role[:, :n_orbits]
        )
        n_roles = int(alone.role.max()) + 1
        found = critic(alone, batch.species[row : row + 1, :n_roles])
        torch.testing.assert_close(found, together[row : row + 1])


def test_other_elements_score_otherwise(critic, batch):
    one = critic(batch.templates, batch.species)
    heavier = torch.where(batch.species > 0, batch.species + 1, 0)
    assert not torch.isclose(one, critic(batch.templates, heavier)).any()


@given(st.floats(-1, 10), st.floats(-5, 1), st.floats(0.05, 100), st.floats(0.1, 25))
def test_scores_keep_what_the_labels_say(above, formation, force, density):
    labels = {ABOVE_HULL: above, FORMATION: formation, FORCE: force, DENSITY: density}
    arrays = {name: np.array([value]) for name, value in labels.items()}
    (scores,) = scores_of(arrays, 1)
    assert 0.1 * np.sinh(scores[0]) == pytest.approx(above, rel=1e-4, abs=1e-6)
    assert scores[1] == pytest.approx(formation, rel=1e-6)
    assert np.exp(scores[2:]) == pytest.approx([force, density], rel=1e-4)
    for name, values in targets_of(scores[None]).items():
        assert values[0] == pytest.approx(labels[name], rel=1e-4, abs=1e-6)


def test_what_is_unknown_stays_unknown():
    scores = scores_of({FORCE: np.array([0.0, np.nan]), "gap": np.ones(2)}, 2)
    assert np.isnan(scores).tolist() == [[True, True, False, True], [True] * 4]
    assert np.isfinite(scores[0, 2])


def test_verdicts_add_energy_and_force_and_tell_the_density(critic, batch):
    above, _, force, density = critic(batch.templates, batch.species).detach().T
    verdict = critic.judge(batch.templates, batch.species)
    np.testing.assert_allclose(verdict.cost, above + force, rtol=1e-5)
    np.testing.assert_allclose(verdict.log_density, density, rtol=1e-5)


def test_critics_of_earlier_versions_load_and_know_less(critic):
    later = {"usual_features", "stability"}
    state = {k: v for k, v in critic.state_dict().items() if k not in later}
    again = deepcopy(critic)
    again.load_state_dict(state)
    assert again.usual_features.isnan().all()
    assert again.stability.isnan().all()
