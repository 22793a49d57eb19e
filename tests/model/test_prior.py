from copy import deepcopy
from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from torch.nn.functional import one_hot

from crystalgen.model.batch import Templates
from crystalgen.model.collate import collate
from crystalgen.model.prior import (
    CodeSequence,
    coded_first,
    take_orbits,
)
from crystalgen.model.prototype_prior import symmetry_letters
from crystalgen.model.tables import symmetry_tables
from crystalgen.representation.prototype import roles_of


@pytest.fixture(scope="module")
def sequences(tiny_config):
    """Priors over codes, by (codes of a token, entries of each)."""
    torch.manual_seed(0)
    shapes = [(1, 3), (2, 3), (3, 5)]
    return {shape: CodeSequence(tiny_config, shape, 16).eval() for shape in shapes}


def context(n_tokens, seed=0):
    source = torch.Generator().manual_seed(seed)
    return torch.randn(1, n_tokens, 16, generator=source)


def log_likelihoods(prior, codes, given_context):
    """Of many code sequences under one context."""
    hot = one_hot(codes, prior.n_entries).float()
    log_p = prior(given_context.expand(len(codes), -1, -1), hot)
    return (hot * log_p).sum(dim=(1, 2, 3))


@pytest.mark.parametrize("shape", [(1, 3), (2, 3)])
def test_the_probabilities_of_all_code_sequences_sum_to_one(sequences, shape):
    n_codes, n_entries = shape
    every = list(product(range(n_entries), repeat=2 * n_codes))
    codes = torch.tensor(every).unflatten(1, (2, n_codes))
    total = log_likelihoods(sequences[shape], codes, context(2)).exp().sum()
    torch.testing.assert_close(total, torch.tensor(1.0))


@settings(max_examples=8)
@given(n_tokens=st.integers(1, 4), seed=st.integers(0, 99))
def test_writing_codes_one_by_one_gives_the_probabilities_of_training(
    sequences, n_tokens, seed
):
    prior = sequences[3, 5]
    source = torch.Generator().manual_seed(seed)
    codes = torch.randint(5, (4, n_tokens, 3), generator=source)
    known = context(n_tokens, seed).expand(4, -1, -1)
    trained = prior(known, one_hot(codes, 5).float())
    hidden, past = prior.start(known[:, 0])
    for token in range(n_tokens):
        if token:
            hidden, past = prior.step(known[:, token], codes[:, token - 1], past)
        for code in range(3):
            logits = prior.logits(hidden, codes[:, token, :code])
            torch.testing.assert_close(
                logits.log_softmax(dim=-1),
                trained[:, token, code],
                atol=1e-5,
                rtol=1e-4,
            )


def test_a_code_depends_on_all_before_it_and_none_after(sequences):
    prior = sequences[2, 3]
    codes = one_hot(torch.zeros(1, 3, 2, dtype=torch.long), 3).float()
    base = prior(context(3), codes).flatten(1, 2)
    for place, (token, code) in enumerate(product(range(3), range(2))):
        changed = codes.clone()
        changed[0, token, code] = changed[0, token, code].roll(1)
        other = prior(context(3), changed).flatten(1, 2)
        differs = (other - base).abs().amax(dim=(0, 2)) > 1e-5
        assert differs.tolist() == [late > place for late in range(6)]


@settings(max_examples=20)
@given(
    coded=st.lists(
        st.lists(st.booleans(), min_size=5, max_size=5), min_size=1, max_size=6
    )
)
def test_coded_orbits_come_first_in_their_order(coded):
    order, filled = coded_first(torch.tensor(coded))
    assert order.shape[1] == max(sum(row) for row in coded)
    for row, places, used in zip(coded, order, filled, strict=True):
        expected = [place for place, is_coded in enumerate(row) if is_coded]
        assert places[used].tolist() == expected
        assert used.tolist() == sorted(used.tolist(), reverse=True)
    values = torch.arange(5.0).expand(len(coded), -1)
    assert torch.equal(take_orbits(values, order), order.float())


def test_letters_are_those_of_the_crystals(crystals, examples):
    templates = collate(examples, np.arange(14)).templates
    letters = symmetry_letters(templates)
    for row, crystal in enumerate(crystals):
        assert tuple(letters[row, : crystal.n_orbits].tolist()) == crystal.wyckoff


def templates_of(group, spelled):
    """All of one group, from (letters, roles)."""
    first = int(symmetry_tables().first_position[group])
    width = max(len(letters) for letters, _ in spelled)
    position = torch.zeros(len(spelled), width, dtype=torch.long)
    role = torch.zeros_like(position)
    for row, (letters, roles) in enumerate(spelled):
        position[row, : len(letters)] = torch.tensor(letters) + first
        role[row, : len(roles)] = torch.tensor(roles)
    zeros = torch.zeros(len(spelled), dtype=torch.long)
    return Templates(
        space_group=zeros + group,
        position=position,
        role=role,
        prototype=zeros,
        centre=zeros,
    )


def every_prototype(n_letters, max_orbits):
    """All non-decreasing letters with all ways to number the elements on them."""
    for n_orbits in range(1, max_orbits + 1):
        for letters in product(range(n_letters), repeat=n_orbits):
            if list(letters) != sorted(letters):
                continue
            for roles in product(range(n_orbits), repeat=n_orbits):
                if roles_of(roles) == roles:
                    yield letters, roles


@pytest.mark.parametrize(("group", "n_letters"), [(1, 1), (2, 9), (19, 1), (225, 12)])
def test_templates_of_a_group_have_a_total_probability_of_at_most_one(
    autoencoder, group, n_letters
):
    prior = deepcopy(autoencoder.generative.prototype_prior)
    prior.letter.bias.data[prior.end] += 2  # few templates are then too long to list
    totals = []
    with torch.inference_mode():
        start = prior.tokens(templates_of(group, [((0,), (0,))]))
        logits = prior.letter_logits(
            prior.transformer(start)[:, 0], torch.tensor([group]), torch.tensor([0])
        )
        empty = logits.softmax(dim=-1)[0, prior.end].item()
        for max_orbits in (1, 2, 3) if n_letters > 1 else (1, 2, 3, 4, 5):
            spelled = list(every_prototype(n_letters, max_orbits))
            total = prior.log_likelihood(templates_of(group, spelled)).exp().sum()
            totals.append(total.item())
    assert totals == sorted(totals)
    assert 0 < totals[0] < totals[-1] <= 1 - empty + 1e-5
    if n_letters == 1:
        assert totals[-1] > 0.95 * (1 - empty)


def test_the_likelihood_of_a_template_is_the_product_of_its_steps(
    autoencoder, crystals, examples
):
    prior = autoencoder.generative.prototype_prior
    templates = collate(examples, np.arange(14)).templates
    whole = prior.log_likelihood(templates)
    for row, crystal in enumerate(crystals):
        group = torch.tensor([crystal.space_group])
        hidden, past = prior.transformer.step(prior.template.group(group), None)
        last, used, total = torch.tensor([0]), 0, 0.0
        for place in range(crystal.n_orbits):
            letters = prior.letter_logits(hidden, group, last).log_softmax(-1)
            position = templates.position[row, place : place + 1]
            roles = prior.role_logits(hidden, position, torch.tensor([used]))
            letter, role = crystal.wyckoff[place], int(templates.role[row, place])
            total += letters[0, letter] + roles.log_softmax(-1)[0, role]
            last, used = torch.tensor([letter]), max(used, role + 1)
            token = prior.template(
                Templates(
                    space_group=group,
                    position=position[None],
                    role=torch.tensor([[role]]),
                    prototype=torch.tensor([0]),
                    centre=torch.tensor([0]),
                ),
                first_place=place,
            )
            hidden, past = prior.transformer.step(token[:, 0], past)
        total += prior.letter_logits(hidden, group, last).log_softmax(-1)[0, prior.end]
        torch.testing.assert_close(total, whole[row], atol=1e-4, rtol=1e-4)


def test_letters_never_go_back_and_stay_in_their_group(autoencoder):
    prior = autoencoder.generative.prototype_prior
    logits = prior.letter_logits(
        torch.zeros(2, 16), torch.tensor([225, 1]), torch.tensor([3, 0])
    )
    likely = logits.softmax(dim=-1) > 1e-9
    assert likely[0].nonzero().flatten().tolist() == [*range(3, 12), prior.end]
    assert likely[1].nonzero().flatten().tolist() == [0, prior.end]


def test_a_new_role_is_the_next_number(autoencoder):
    prior = autoencoder.generative.prototype_prior
    for n_used in range(10):
        logits = prior.role_logits(
            torch.zeros(1, 16), torch.tensor([5]), torch.tensor([n_used])
        )
        n_likely = int((logits.softmax(dim=-1) > 1e-9).sum())
        assert n_likely == min(n_used + 1, prior.max_roles)


def test_contexts_of_species_do_not_depend_on_how_many_roles_are_asked_for(
    autoencoder, examples
):
    prior = autoencoder.generative.species_prior
    templates = collate(examples, np.arange(14)).templates
    three, five = (prior.context(templates, n_roles) for n_roles in (3, 5))
    torch.testing.assert_close(five[:, :3], three)
