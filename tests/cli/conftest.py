"""A model that is none for `crystalgen generate`, crystals to judge for `evaluate`."""

import csv
import os
import signal
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest
from pymatgen.io.cif import CifWriter
from typer.testing import CliRunner

from crystalgen.cli import crystal_work
from crystalgen.cli.app import app
from crystalgen.datasets.cache import CacheInfo, write_cache
from crystalgen.generation.candidate import Candidate, Codes, Tally
from crystalgen.generation.generator import Generator
from crystalgen.generation.request import Request
from crystalgen.representation.conversion import to_structure


@dataclass
class Run:
    """Hands out the textbook crystals, as `Sampling` hands out new ones."""

    request: Request
    seed: int
    source: Iterator[Candidate] = field(default_factory=lambda: iter(()))
    tally: Tally = field(default_factory=Tally)
    targets: None = None

    def __iter__(self):
        return self

    def __next__(self):
        return next(self.source)


@pytest.fixture
def model(monkeypatch, crystals):
    """A generator that knows the textbook crystals.

    `calls` says how it was used, `ending` when it is to be interrupted.
    """
    calls = []
    weights = SimpleNamespace(name="test-weights", sha256="0123456789abcdef" * 4)
    ending = SimpleNamespace(signal_at=None, number=signal.SIGINT)

    def candidates(run):
        for index, crystal in enumerate(crystals[: run.request.n]):
            if index < run.tally.unique:
                continue
            if index == ending.signal_at:
                os.kill(os.getpid(), ending.number)
            run.tally.drawn += 2
            run.tally.rejected["distance"] += 1
            run.tally.valid += 1
            run.tally.unique += 1
            yield Candidate(
                index=2 * index + 1,
                crystal=crystal,
                codes=Codes(crystal=(1, 2), roles=((3,),), orbits=((), (4,))),
                log_prob=-1.0,
                is_neutral=index % 2 == 0,
            )

    def sample(request, *, seed, workers, batch_size, progress=None):
        calls.append((request, seed, workers, batch_size))
        run = Run(request=request, seed=seed)
        if progress is not None:
            run.tally = deepcopy(progress.tally)
        run.source = candidates(run)
        return run

    def load(checkpoint=None, *, device):
        calls.append((checkpoint, device))
        return SimpleNamespace(weights=weights, sample=sample)

    monkeypatch.setattr(Generator, "load", load)
    return SimpleNamespace(calls=calls, ending=ending, weights=weights)


@pytest.fixture
def run_in(tmp_path, monkeypatch):
    """Run `crystalgen generate` in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    return lambda *arguments: CliRunner().invoke(app, ["generate", *arguments])


@pytest.fixture
def run():
    """Has a command run, given its words."""

    def invoke(*words):
        return CliRunner().invoke(app, list(map(str, words)))

    return invoke


@pytest.fixture
def refused():
    """Whether a command ended with one line that holds some words."""

    def is_refused(result, *words):
        lines = [line for line in result.stderr.splitlines() if line]
        assert result.exit_code == 1, result.output
        assert len(lines) == 1, lines
        assert all(word in lines[0] for word in ("error: ", *words)), lines
        return True

    return is_refused


@pytest.fixture
def in_process(monkeypatch):
    """No workers: each of them takes seconds to import pymatgen."""

    def inline(function, items, *, n_workers, timeout_s):
        return map(function, items)

    monkeypatch.setattr(crystal_work, "survive_map", inline)


@pytest.fixture
def table(tmp_path, crystals):
    """Two crystals, one with its group, and a row that is no crystal."""
    path = tmp_path / "crystals.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["material_id", "spacegroup.number", "cif"])
        writer.writerow(["salt", 225, _cif(crystals[0])])
        writer.writerow(["bad", 225, "rubbish"])
        writer.writerow(["rutile", "", _cif(crystals[8])])
    return path


@pytest.fixture
def cache(tmp_path, tables):
    path = tmp_path / "cache.safetensors"
    info = CacheInfo(
        source="textbook",
        license="none",
        citation="",
        source_sha256="",
        symprec=0.1,
        n_neighbours=12,
        n_read=len(tables[0]),
        n_kept=len(tables[0]),
    )
    write_cache(path, tables[0], tables[1], info)
    return path


def _cif(crystal):
    return str(CifWriter(to_structure(crystal)))
