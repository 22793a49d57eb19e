"""One judge for all sets: the figures of `crystalgen evaluate`.

The training and the reference crystals are described once and asked by every set.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console

from crystalgen.cli.crystal_files import Item, open_crystals
from crystalgen.cli.crystal_work import (
    convert_all,
    describe_all,
    fingerprint_all,
    judge_all,
)
from crystalgen.cli.evaluation_steps import repeats_of, standings_of, watched
from crystalgen.evaluation.assessment import Assessment
from crystalgen.evaluation.coverage import CUTOFFS, Fingerprint, coverage
from crystalgen.evaluation.distribution import Traits, distances
from crystalgen.evaluation.known import KnownCrystals, know
from crystalgen.evaluation.novelty import novelty
from crystalgen.evaluation.report import Report
from crystalgen.evaluation.summary import Judged, Rejected, Share, summarize
from crystalgen.export.manifest import versions
from peers.made import Made

DATA_SET = "mp-20"
"""Whose cut-offs coverage takes."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Yardstick:
    """What every set is compared with."""

    train: str
    """Name of the training crystals."""
    known: KnownCrystals
    reference: str
    """Name of the reference crystals."""
    traits: Sequence[Traits]
    """Of the reference."""
    fingerprints: Sequence[Fingerprint | None]
    """Of the reference; none if coverage is left out."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outcome:
    """A set and what was found of it."""

    made: Made
    judged: Sequence[Judged]
    report: Report

    @property
    def assessments(self) -> list[Assessment]:
        """Of the crystals that could be judged."""
        return [each for each in self.judged if isinstance(each, Assessment)]


def describe_yardstick(
    train: Path,
    reference: Path,
    *,
    with_coverage: bool,
    n_workers: int,
    console: Console,
) -> Yardstick:
    """Describe the crystals that sets are compared with.

    Args:
        train: Cache of the training crystals.
        reference: Cache of the reference crystals.
        with_coverage: Also find fingerprints, which takes minutes.
        n_workers: Processes.
        console: Where progress is shown.
    """
    known_items = open_crystals(str(train)).items
    converting = convert_all(known_items, n_workers=n_workers)
    named = watched(converting, "train", len(known_items), console)
    known = know(each for each in named if not isinstance(each, Rejected))
    items = open_crystals(str(reference)).items
    describing = describe_all(items, n_workers=n_workers)
    described = watched(describing, "reference", len(items), console)
    traits = [each for each in described if not isinstance(each, Rejected)]
    return Yardstick(
        train=train.name,
        known=known,
        reference=reference.name,
        traits=traits,
        fingerprints=fingerprints(items, n_workers=n_workers, console=console)
        if with_coverage
        else (),
    )


def judge_set(
    made: Made, yardstick: Yardstick, *, n_workers: int, console: Console
) -> Outcome:
    """Judge a set as `crystalgen evaluate` does; shares are of the crystals made.

    Args:
        made: The set, of at least one crystal.
        yardstick: What it is compared with.
        n_workers: Processes.
        console: Where progress is shown.
    """
    items = made.items
    judging = judge_all(items, n_workers=n_workers)
    judged = list(watched(judging, f"judge {made.name}", len(items), console))
    repeats = repeats_of(judged)
    standings = standings_of(
        judged, yardstick.known, n_workers=n_workers, console=console
    )
    known = [each for each in judged if isinstance(each, Assessment)]
    n_repeats = len(repeats) - repeats.count(None)
    report = Report(
        source=made.name,
        versions=versions(),
        summary=summarize(judged),
        unique=Share(count=len(known) - n_repeats, of=len(judged)),
        reference=yardstick.reference,
        distances=distances([each.traits for each in known], yardstick.traits),
        coverage=coverage(
            fingerprints(items, n_workers=n_workers, console=console),
            yardstick.fingerprints,
            CUTOFFS[DATA_SET],
        )
        if yardstick.fingerprints
        else None,
        train=yardstick.train,
        novelty=novelty(judged, standings, repeats, n_known=yardstick.known.n),
    )
    return Outcome(made=made, judged=judged, report=report)


def fingerprints(
    items: Sequence[Item], *, n_workers: int, console: Console
) -> list[Fingerprint | None]:
    """What coverage is judged by; None of a crystal that has no fingerprint."""
    finding = fingerprint_all(items, n_workers=n_workers)
    found = watched(finding, "fingerprints", len(items), console)
    return [None if isinstance(each, Rejected) else each for each in found]


def n_orbits(template: str) -> int:
    """Occupied Wyckoff positions of a template.

    >>> n_orbits("225:a.b")
    2
    """
    return template.count(".") + 1


def by_orbits(
    outcome: Outcome, bounds: Sequence[tuple[int, int]]
) -> list[tuple[int, int]]:
    """Strictly valid crystals, and all, with so many orbits; others are left out."""
    described = [each for each in outcome.assessments if each.labels]
    sizes = np.array([n_orbits(e.labels.template) for e in described if e.labels])
    valid = np.array([each.verdict.is_valid_strictly for each in described])
    counts = []
    for low, high in bounds:
        is_in = (low <= sizes) & (sizes <= high)
        counts.append((int(valid[is_in].sum()), int(is_in.sum())))
    return counts
