from collections import Counter

import numpy as np
import pytest
import torch

from crystalgen.generation.new_templates import draw_new_prototypes
from crystalgen.generation.weights import load_weights
from crystalgen.graphs.table import GraphTable
from crystalgen.model.collate import to_templates
from crystalgen.representation.crystal import primitive_multiplicities
from crystalgen.representation.legality import is_legal, legal_tokens, letter_rules
from crystalgen.representation.prototype import roles_of
from crystalgen.representation.table import CrystalTable


def draw(weights, groups, *, seed=0, max_atoms=20, temperature=1.0):
    return draw_new_prototypes(
        weights,
        np.array(groups),
        seed=seed,
        draws=np.arange(len(groups)),
        max_atoms=max_atoms,
        temperature=temperature,
    )


@pytest.mark.parametrize("max_atoms", [8, 13, 20])
def test_every_group_gives_legal_prototypes(weights, max_atoms):
    groups = list(range(1, 231))
    rules = letter_rules(max_atoms)
    prototypes, log_prob = draw(weights, groups, max_atoms=max_atoms)
    for group, prototype in zip(groups, prototypes, strict=True):
        sizes = primitive_multiplicities(group)
        assert prototype.space_group == group
        assert is_legal(rules, group, prototype.wyckoff)
        assert sum(sizes[letter] for letter in prototype.wyckoff) <= max_atoms
        assert prototype.roles == roles_of(prototype.roles)
        assert len(prototype.roles) == len(prototype.wyckoff)
    assert (log_prob <= 0).all()


@torch.inference_mode()
def legal_log_likelihood(weights, prototype, max_atoms):
    """Log-probability when at each step only legal letters are allowed."""
    prior, rules = weights.networks.prototype_prior, letter_rules(max_atoms)
    templates = to_templates((prototype,), weights.vocabulary)
    hidden = prior.transformer(prior.tokens(templates))[0]
    group, letters = torch.tensor(prototype.space_group), prototype.wyckoff
    total = 0.0
    for place, token in enumerate([*letters, prior.end]):
        last = torch.tensor(letters[place - 1] if place else 0)
        legal = legal_tokens(rules, prototype.space_group, letters[:place])
        logits = prior.letter_logits(hidden[place], group, last)
        logits = logits.masked_fill(~torch.tensor(legal), -torch.inf)
        total += logits.log_softmax(-1)[token]
        if place < len(letters):
            n_used = torch.tensor(len(set(prototype.roles[:place])))
            position = templates.position[0, place]
            roles = prior.role_logits(hidden[place], position, n_used)
            total += roles.log_softmax(-1)[prototype.roles[place]]
    return float(total)


def test_log_probabilities_are_those_of_the_prior_under_the_masks(weights):
    prototypes, log_prob = draw(weights, [1, 2, 14, 62, 99, 186, 194, 225, 227] * 4)
    expected = [legal_log_likelihood(weights, each, 20) for each in prototypes]
    np.testing.assert_allclose(log_prob, expected, atol=1e-4)


def test_prototypes_are_drawn_as_often_as_their_probability_says(weights):
    # four atoms on 8a (two), 16c and 16d (four each), all once: few prototypes
    n = 3000
    prototypes, log_prob = draw(weights, [227] * n, max_atoms=6)
    probability = dict(zip(prototypes, np.exp(log_prob), strict=True))
    assert 0.99 < sum(probability.values()) < 1 + 1e-5
    for prototype, count in Counter(prototypes).items():
        expected = n * probability[prototype]
        assert abs(count - expected) < 5 * expected**0.5 + 1


def test_a_low_temperature_makes_draws_alike(weights):
    warm, _ = draw(weights, [14] * 40)
    cold, _ = draw(weights, [14] * 40, temperature=1e-3)
    assert len(set(cold)) == 1 < len(set(warm))


def test_there_are_never_more_roles_than_elements(save, tables):
    crystals, graphs = tables
    silicon = (
        CrystalTable.from_crystals([crystals.crystal(5)], identifiers=["Si"]),
        GraphTable.from_graphs([graphs.graph(5)]),
    )
    prototypes, _ = draw(load_weights(save(silicon, "silicon")), [1, 2, 14, 225] * 5)
    assert {max(prototype.roles) for prototype in prototypes} == {0}
