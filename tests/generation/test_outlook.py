import pytest

from crystalgen.errors import RequestError
from crystalgen.generation.outlook import outlook
from crystalgen.generation.request import Request
from crystalgen.representation.elements import ATOMIC_NUMBERS


def test_a_trial_is_the_first_block_of_the_run(generator):
    request = Request(n=10, allow_known=True)
    found = outlook(generator.weights, request, seed=3)
    run = generator.sample(request, seed=3)
    list(run)
    assert found.drawn >= found.valid >= found.unique >= run.tally.unique
    assert found.seconds == pytest.approx(found.trial_seconds * 10 / found.unique)


def test_what_is_left_shrinks_with_the_wishes(weights):
    free = outlook(weights, Request(), seed=0)
    wishes = Request(formula="NaCl", space_groups=(225,), allow_known=True)
    narrow = outlook(weights, wishes, seed=0)
    assert free.n_prototypes == free.n_known == narrow.n_known
    assert 0 < narrow.n_prototypes < free.n_prototypes
    assert (narrow.n_groups, narrow.n_elements) == (1, 2)
    assert free.n_elements < len(ATOMIC_NUMBERS)
    assert 0 <= narrow.new_share <= 1


def test_what_is_impossible_has_no_outlook(weights):
    with pytest.raises(RequestError, match="holds 5 atoms"):
        outlook(weights, Request(space_groups=(227,), min_atoms=5, max_atoms=5), seed=0)
