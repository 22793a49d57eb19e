from dataclasses import replace

import numpy as np
import pytest
import torch

from crystalgen.model.collate import collate
from crystalgen.model.composition_features import DENSITIES
from crystalgen.model.critic import ABOVE_HULL, FORMATION, Critic
from crystalgen.representation.conversion import to_structure
from crystalgen.training.critic_lessons import densities, lessons_of, true_features


@pytest.fixture(scope="module")
def labelled(tables):
    """Textbook crystals; half of the energies above the hull are known."""
    n = len(tables[0])
    above = np.where(np.arange(n) % 2, np.nan, np.linspace(0, 0.3, n))
    return replace(
        tables[0], properties={ABOVE_HULL: above, FORMATION: np.linspace(-3, 0, n)}
    )


def test_lessons_spell_the_crystals_as_the_networks_read_them(examples, labelled):
    expected = collate(examples, np.arange(len(labelled)))
    lessons = lessons_of([labelled]).lessons
    for name in ("space_group", "position", "role"):
        one, two = getattr(lessons.templates, name), getattr(expected.templates, name)
        torch.testing.assert_close(one, two)
    torch.testing.assert_close(lessons.species, expected.species)


def test_tables_follow_each_other(labelled):
    both = lessons_of([labelled, labelled])
    n = len(labelled)
    assert len(both.lessons) == 2 * n
    first, second = (both.lessons.rows(torch.arange(i, i + n)) for i in (0, n))
    torch.testing.assert_close(first.species, second.species)
    torch.testing.assert_close(first.scores, second.scores, equal_nan=True)


def test_unknown_energies_cost_nothing(labelled, tiny_config):
    problem = lessons_of([labelled])
    critic = Critic(replace(tiny_config, critic_width=8, critic_layers=1)).eval()
    batch = problem.collate(np.arange(len(labelled)), torch.device("cpu"))
    losses = problem.loss_of(critic, batch, progress=1.0, generator=torch.Generator())
    found = critic(batch.templates, batch.species)
    off = (found - batch.scores).abs().nansum(dim=0) / len(batch)
    torch.testing.assert_close(losses.total, off.sum())
    losses.total.backward()
    for name, parameter in critic.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name


def test_densities_are_those_of_pymatgen(labelled):
    expected = [
        float(to_structure(labelled.crystal(row)).density)
        for row in range(len(labelled))
    ]
    # the two know slightly different masses of zinc
    np.testing.assert_allclose(densities(labelled), expected, rtol=1e-3)


def test_features_hold_shares_of_all_atoms_and_the_density(labelled):
    """Of all crystals together as of each, weighted by their number."""
    n = len(labelled)
    found = true_features([labelled])
    np.testing.assert_allclose(found[: -1 - len(DENSITIES)].sum(), 1)
    np.testing.assert_allclose(found[-1 - len(DENSITIES) : -1].sum(), 1)
    log_density = [
        np.log(float(to_structure(labelled.crystal(row)).density)) for row in range(n)
    ]
    np.testing.assert_allclose(found[-1], np.mean(log_density), atol=1e-3)
    both = true_features([labelled, labelled])
    np.testing.assert_allclose(both, found)
