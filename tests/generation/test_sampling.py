from copy import deepcopy
from itertools import islice

import pytest
from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

from crystalgen.errors import RequestError
from crystalgen.generation import block_sizes, sampling as sampling_module
from crystalgen.generation.candidate import Progress
from crystalgen.generation.checks import fault_of
from crystalgen.generation.decoding import NO_CODE
from crystalgen.generation.generator import Generator
from crystalgen.generation.request import Request
from crystalgen.generation.templates import TemplateSource
from crystalgen.graphs.table import GraphTable
from crystalgen.representation.table import CrystalTable


def spelled(candidate):
    """Everything about a candidate, to the last bit."""
    crystal = candidate.crystal
    return (
        candidate.index,
        candidate.codes,
        candidate.log_prob,
        candidate.is_neutral,
        crystal.space_group,
        crystal.wyckoff,
        crystal.species,
        crystal.free_coords.tobytes(),
        crystal.lattice_parameters.tobytes(),
    )


@pytest.fixture(scope="module")
def sampling(generator):
    """A finished run for 12 crystals."""
    run = generator.sample(Request(n=12), seed=4)
    return run, list(run)


def test_as_many_crystals_come_as_were_asked_for(sampling):
    run, candidates = sampling
    assert len(candidates) == run.tally.unique == 12


def test_every_crystal_is_valid_and_no_two_are_the_same(sampling, generator):
    _, candidates = sampling
    matcher = StructureMatcher()
    for place, candidate in enumerate(candidates):
        assert fault_of(candidate.crystal, generator.weights) == ""
        analyzer = SpacegroupAnalyzer(candidate.structure, symprec=0.1)
        assert analyzer.get_space_group_number() == candidate.space_group
        assert not any(
            matcher.fit(candidate.structure, other.structure)
            for other in candidates[:place]
        )


def test_the_tally_adds_up(sampling):
    run, candidates = sampling
    tally = run.tally
    assert tally.drawn == candidates[-1].index + 1
    duplicates = tally.rejected["duplicate"]
    assert tally.valid == tally.unique + duplicates
    assert tally.drawn == tally.valid + tally.rejected.total() - duplicates


def test_asking_for_fewer_gives_the_first_of_them(generator, sampling):
    _, candidates = sampling
    fewer = list(generator.sample(Request(n=5), seed=4))
    assert list(map(spelled, fewer)) == list(map(spelled, candidates[:5]))


@pytest.mark.parametrize("batch_size", [1, 100])
def test_the_batch_size_changes_no_crystal(generator, sampling, batch_size):
    _, candidates = sampling
    other = generator.sample(Request(n=12), seed=4, batch_size=batch_size)
    assert list(map(spelled, other)) == list(map(spelled, candidates))


@pytest.mark.slow
def test_the_number_of_workers_changes_no_crystal(generator, sampling):
    _, candidates = sampling
    other = generator.sample(Request(n=12), seed=4, workers=2)
    assert list(map(spelled, other)) == list(map(spelled, candidates))


@pytest.mark.parametrize("n_done", [1, 5, 11, 12])
def test_an_interrupted_run_goes_on_as_if_it_had_not_been(generator, sampling, n_done):
    run, candidates = sampling
    begun = generator.sample(Request(n=12), seed=4)
    done = list(islice(begun, n_done))
    progress = Progress(
        crystals=tuple(each.crystal for each in done),
        indices=tuple(each.index for each in done),
        tally=deepcopy(begun.tally),
    )
    rest = generator.sample(Request(n=12), seed=4, progress=progress)
    assert list(map(spelled, rest)) == list(map(spelled, candidates[n_done:]))
    whole, tally = run.tally, rest.tally
    assert (tally.drawn, tally.valid, tally.unique, tally.rejected) == (
        *(whole.drawn, whole.valid, whole.unique),
        whole.rejected,
    )


def test_another_seed_gives_other_crystals(generator, sampling):
    _, candidates = sampling
    other = list(generator.sample(Request(n=2), seed=5))
    assert not {spelled(c)[1:] for c in other} & {spelled(c)[1:] for c in candidates}


def test_crystals_come_as_they_are_taken(generator):
    run = generator.sample(Request(n=12), seed=4)
    assert run.tally.drawn == 0
    taken = list(islice(run, 2))
    assert run.tally.unique == 2
    assert run.tally.drawn == taken[-1].index + 1


def test_only_the_groups_asked_for_are_drawn(generator):
    request = Request(n=4, space_groups=(221, 225), max_atoms=2)
    for candidate in generator.sample(request, seed=0):
        assert candidate.space_group in (221, 225)
        assert len(candidate.structure) <= 2


@pytest.fixture
def silicon(save, tables):
    """A generator that was trained on one crystal."""
    crystals, graphs = tables
    only = (
        CrystalTable.from_crystals([crystals.crystal(5)] * 3, identifiers=["Si"] * 3),
        GraphTable.from_graphs([graphs.graph(5)] * 3),
    )
    return Generator.load(save(only, "silicon"))


def test_a_run_that_finds_no_more_ends_and_says_how_many(silicon, monkeypatch):
    monkeypatch.setattr(block_sizes, "DRAWS_PER_BLOCK", 8)
    monkeypatch.setattr(sampling_module, "TRIES_PER_CRYSTAL", 4)
    monkeypatch.setattr(sampling_module, "MIN_TRIES", 16)
    run = silicon.sample(Request(n=2, allow_known=True), seed=0)
    candidates = list(run)
    assert len(candidates) == run.tally.unique <= 1  # diamond is the only one
    assert run.tally.drawn == run.cap
    assert run.tally.drawn == run.tally.unique + run.tally.rejected.total()


def test_a_model_that_knows_one_crystal_has_nothing_new(save, tables, monkeypatch):
    monkeypatch.setattr(block_sizes, "DRAWS_PER_BLOCK", 8)
    monkeypatch.setattr(sampling_module, "MIN_TRIES", 16)
    crystals, graphs = tables
    only = (
        CrystalTable.from_crystals([crystals.crystal(0)] * 3, identifiers=["NaCl"] * 3),
        GraphTable.from_graphs([graphs.graph(0)] * 3),
    )
    generator = Generator.load(save(only, "salt"))
    run = generator.sample(Request(n=1), seed=0)
    assert list(run) == []
    assert "known" in run.tally.rejected


def test_crystals_of_one_element_differ_in_their_geometry(silicon):
    weights = silicon.weights
    source = TemplateSource(weights=weights, request=Request())
    outcomes = sampling_module.run_blocks(weights, source, 0, [0])
    made = [each.candidate for each in outcomes if each.candidate]
    assert weights.has_one_element
    assert not any(each.fault == "known" for each in outcomes)
    assert all(NO_CODE not in each.codes.crystal for each in made[:8])
    assert len({each.crystal.lattice_parameters.tobytes() for each in made}) > 1


def test_what_no_crystal_can_fulfil_is_refused_before_the_first_draw(generator):
    with pytest.raises(RequestError, match="allow 8 atoms or more"):
        generator.sample(Request(space_groups=(230,), max_atoms=4))


@pytest.mark.parametrize("settings", [{"workers": 0}, {"batch_size": 0}, {"seed": -1}])
def test_counts_that_cannot_be_are_refused(generator, settings):
    (name,) = settings
    with pytest.raises(RequestError, match=f"{name.split('_')[0]}.*got"):
        generator.sample(Request(), **settings)
