import pytest

from crystalgen.decoration.host import read_host
from crystalgen.decoration.request import DecorationRequest
from crystalgen.decoration.scorer import Scorer
from crystalgen.decoration.search import CHAINS, SWEEPS, search
from crystalgen.decoration.sites import choose_sites
from crystalgen.errors import RepresentationError

KNOWN = (3, 8, 11, 12, 22, 38, 40, 56)


def searched(weights, structure, *, seed, **asked):
    host = read_host(structure)
    sites = choose_sites(host, DecorationRequest(**asked), KNOWN)
    scorer = Scorer(weights, host, sites, "unchanged")
    steps = list(search(weights, scorer, sites, seed=seed, scale=1.0))
    return sites, scorer, steps


def test_the_same_seed_sees_the_same_decorations(weights, perovskite):
    _, first, _ = searched(weights, perovskite, seed=1)
    _, again, _ = searched(weights, perovskite, seed=1)
    _, other, _ = searched(weights, perovskite, seed=2)
    assert first.scores == again.scores
    assert set(first.scores) != set(other.scores)


def test_all_that_is_seen_is_allowed(weights, perovskite):
    sites, scorer, steps = searched(weights, perovskite, seed=0, keep=("O",))
    assert steps == [(step + 1, 2 * SWEEPS) for step in range(2 * SWEEPS)]
    assert len(scorer.scores) >= CHAINS
    for assignment in scorer.scores:
        assert sites.is_allowed(assignment)
        for role, number in enumerate(assignment):
            assert number in sites.options[role]


def test_a_host_too_large_for_the_networks_is_refused(weights, perovskite):
    host = read_host(perovskite, supercell=(3, 2, 1), symmetry="lowered")
    sites = choose_sites(host, DecorationRequest(), KNOWN)
    with pytest.raises(RepresentationError, match="30 inequivalent sites"):
        Scorer(weights, host, sites, "unchanged")
