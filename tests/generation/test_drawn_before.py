from contextlib import contextmanager
from copy import deepcopy
from itertools import islice

import pytest
from hypothesis import given, strategies as st

from crystalgen.generation import (
    block_sizes,
    drawn_before as drawn_before_module,
    sampling as sampling_module,
)
from crystalgen.generation.block_sizes import block_of, draws_of
from crystalgen.generation.candidate import Progress
from crystalgen.generation.drawn_before import (
    FIRST_TO_KNOW,
    LARGEST_LAG,
    DrawnBefore,
    digest_of,
    n_known_blocks,
)
from crystalgen.generation.generator import Generator
from crystalgen.generation.request import Request
from crystalgen.representation.framework import protostructure

REQUEST = Request(n=30, space_groups=(225,), allow_known=True)
"""Few templates, so that much comes again."""


@given(block=st.integers(0, 10_000))
def test_a_block_knows_some_of_those_before_it_and_ever_more(block):
    known = n_known_blocks(block)
    assert 0 <= known <= max(block - 1, 0)
    assert known <= n_known_blocks(block + 1)
    if block >= FIRST_TO_KNOW:
        assert 2 * known >= block - 1
        assert block - known <= max(LARGEST_LAG, (block + 1) // 2)


def test_what_is_known_are_the_crystals_of_the_blocks_that_are(crystals):
    draws = [draws_of(block).start + 5 for block in range(len(crystals))]
    drawn = DrawnBefore(zip(draws, crystals, strict=True))
    assert len(drawn.known_to(FIRST_TO_KNOW - 1)) == 0
    n_known = n_known_blocks(FIRST_TO_KNOW)
    expected = [digest_of(protostructure(each)) for each in crystals[:n_known]]
    assert drawn.known_to(FIRST_TO_KNOW).tolist() == expected
    # asking again, or for less, changes nothing
    assert len(drawn.known_to(0)) == 0
    assert drawn.known_to(FIRST_TO_KNOW).tolist() == expected


def test_digests_tell_labels_apart():
    labels = [f"225:a.b:{number}" for number in range(1000)]
    assert len({digest_of(label) for label in labels}) == len(labels)
    assert digest_of(labels[0]) == digest_of(str(labels[0]))
    assert 0 <= digest_of("") < 2**64


@contextmanager
def small_blocks():
    """Blocks of 8 draws, the third of which knows the first."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(block_sizes, "DRAWS_PER_BLOCK", 8)
        monkeypatch.setattr(block_sizes, "DRAWS_PER_LATER_BLOCK", 8)
        early_to_know(monkeypatch)
        yield


@pytest.fixture(scope="module")
def whole(generator):
    """A run that draws much again."""
    with small_blocks():
        run = generator.sample(REQUEST, seed=0)
        return run, list(run)


def early_to_know(monkeypatch):
    for module in (drawn_before_module, sampling_module):
        monkeypatch.setattr(module, "FIRST_TO_KNOW", 2)


def places(candidate):
    crystal = candidate.crystal
    return (
        candidate.index,
        crystal.wyckoff,
        crystal.species,
        crystal.free_coords.tobytes(),
        crystal.lattice_parameters.tobytes(),
    )


def test_blocks_do_not_draw_again_what_they_know(whole):
    run, candidates = whole
    labels: dict[int, set[str]] = {}
    with small_blocks():
        for candidate in candidates:
            block = block_of(candidate.index)
            label = protostructure(candidate.crystal)
            for known in range(n_known_blocks(block)):
                assert label not in labels.get(known, set())
            labels.setdefault(block, set()).add(label)
    assert run.tally.redrawn["repeated"]


def test_an_interrupted_run_knows_what_it_had_drawn(generator, whole):
    _, candidates = whole
    with small_blocks():
        begun = generator.sample(REQUEST, seed=0)
        done = list(islice(begun, 17))
        progress = Progress(
            crystals=tuple(each.crystal for each in done),
            indices=tuple(each.index for each in done),
            tally=deepcopy(begun.tally),
        )
        rest = list(generator.sample(REQUEST, seed=0, progress=progress))
    assert list(map(places, rest)) == list(map(places, candidates[17:]))


def test_compositions_that_are_asked_for_may_come_again(generator):
    request = Request(n=4, space_groups=(225,), elements=("Na", "Cl"), allow_known=True)
    with small_blocks():
        run = generator.sample(request, seed=0)
        list(run)
    assert not run.tally.redrawn["repeated"]


@pytest.mark.slow
def test_the_number_of_workers_changes_nothing_that_is_known(monkeypatch):
    early_to_know(monkeypatch)
    generator = Generator.load()
    request = Request(n=300, space_groups=(225,))
    alone = generator.sample(request, seed=0)
    together = generator.sample(request, seed=0, workers=2)
    assert list(map(places, together)) == list(map(places, alone))
    assert alone.tally.redrawn["repeated"]
    assert alone.tally == together.tally
    assert alone.tally.drawn > draws_of(2).start
