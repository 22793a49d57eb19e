"""The steps of `crystalgen evaluate`, one after the other, each with its progress."""

import math
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

from crystalgen.cli.crystal_files import Item, bare_name, open_crystals
from crystalgen.cli.crystal_work import (
    Comparison,
    Target,
    convert_all,
    describe_all,
    fingerprint_all,
    judge_all,
    match_all,
    measure_all,
    read_all,
)
from crystalgen.errors import DatasetError
from crystalgen.evaluation.assessment import Assessment
from crystalgen.evaluation.coverage import (
    Coverage,
    Cutoffs,
    Fingerprint,
    coverage,
    featurizers,
)
from crystalgen.evaluation.distribution import Distances, Traits, distances
from crystalgen.evaluation.known import KnownCrystals, know
from crystalgen.evaluation.matching import first_equals
from crystalgen.evaluation.novelty import Standing, novelty, standing
from crystalgen.evaluation.reconstruction import (
    NamedStructure,
    Reconstruction,
    pair,
    reconstruction,
)
from crystalgen.evaluation.report import Report
from crystalgen.evaluation.summary import Judged, Rejected, Share, summarize
from crystalgen.export.manifest import versions

ItemT = TypeVar("ItemT")
AnswerT = TypeVar("AnswerT")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to judge, what to compare it with, and how."""

    crystals: str
    reference: str | None
    train: str | None
    truth: str | None
    cutoffs: Cutoffs | None
    """Up to which distance crystals are similar; None to leave coverage out."""
    n_workers: int
    console: Console
    """Where progress is shown; nowhere if it is quiet or no terminal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """All figures, and what was found of each crystal; sequences of one length."""

    report: Report
    judged: Sequence[Judged]
    repeats: Sequence[str | None]
    standings: Sequence[Standing | None]


def evaluate_crystals(plan: Plan) -> Evaluation:
    """Judge the crystals, and compare them with what there is to compare with.

    Raises:
        CrystalgenError: A source is not there or cannot be read.
    """
    if plan.cutoffs is not None:
        featurizers()  # before anything that takes time
    items = open_crystals(plan.crystals).items
    reference = None if plan.reference is None else open_crystals(plan.reference).items
    train = None if plan.train is None else open_crystals(plan.train).items
    truth = None if plan.truth is None else open_crystals(plan.truth).items
    judging = judge_all(items, n_workers=plan.n_workers)
    judged = list(watched(judging, "judge", len(items), plan.console))
    repeats = repeats_of(judged)
    n_unique = sum(
        isinstance(each, Assessment) and repeat is None
        for each, repeat in zip(judged, repeats, strict=True)
    )
    report = Report(
        source=plan.crystals,
        versions=versions(),
        summary=summarize(judged),
        unique=Share(count=n_unique, of=len(judged)),
    )
    standings: list[Standing | None] = [None] * len(judged)
    if reference is not None:
        described = _answers(describe_all, reference, "reference", plan)
        report = replace(
            report,
            reference=plan.reference,
            distances=_distances(judged, described),
            coverage=_coverage(items, reference, plan),
        )
    if train is not None:
        known = know(_answers(convert_all, train, "train", plan))
        standings = standings_of(
            judged, known, n_workers=plan.n_workers, console=plan.console
        )
        found = novelty(judged, standings, repeats, n_known=known.n)
        report = replace(report, train=plan.train, novelty=found)
    if truth is not None:
        truths = _answers(read_all, truth, "truth", plan)
        hits = _reconstruction(judged, truths, plan)
        report = replace(report, truth=plan.truth, reconstruction=hits)
    return Evaluation(
        report=report, judged=judged, repeats=repeats, standings=standings
    )


def watched(
    items: Iterable[ItemT], name: str, total: int, console: Console
) -> Iterable[ItemT]:
    """The items, with a progress bar if somebody is looking."""
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=console.quiet or not console.is_terminal,
    )
    with bar:
        yield from bar.track(items, total=total, description=name)


def _answers(
    function: Callable[..., Iterable[AnswerT | Rejected]],
    items: Sequence[ItemT],
    name: str,
    plan: Plan,
) -> list[AnswerT]:
    """The answers of a step; crystals of other people's that fail are left out."""
    answering = function(items, n_workers=plan.n_workers)
    answers = list(watched(answering, name, len(items), plan.console))
    rejected = [each for each in answers if isinstance(each, Rejected)]
    if len(rejected) == len(answers):
        first = f"; the first, {rejected[0].identifier}: {rejected[0].reason}"
        raise DatasetError(
            f"--{name}: none of {len(answers)} crystals can be read"
            f"{first if rejected else ''}"
        )
    if rejected:
        plan.console.print(
            f"--{name}: {len(rejected)} of {len(answers)} crystals are left out;"
            f" the first, {rejected[0].identifier}: {rejected[0].reason}",
            soft_wrap=True,
        )
    return [each for each in answers if not isinstance(each, Rejected)]


def repeats_of(judged: Sequence[Judged]) -> list[str | None]:
    """The earlier crystal that each repeats, if any."""
    known = [each for each in judged if isinstance(each, Assessment)]
    with warnings.catch_warnings():
        # of elements without an electronegativity: no news here
        warnings.simplefilter("ignore")
        equals = first_equals([each.structure for each in known])
    first = iter(enumerate(equals))
    repeats: list[str | None] = []
    for each in judged:
        index, equal = next(first) if isinstance(each, Assessment) else (0, 0)
        repeats.append(known[equal].identifier if equal != index else None)
    return repeats


def _distances(
    judged: Sequence[Judged], reference: Sequence[Traits]
) -> Distances | None:
    known = [each.traits for each in judged if isinstance(each, Assessment)]
    return distances(known, reference) if known else None


def _coverage(
    sample: Sequence[Item], reference: Sequence[Item], plan: Plan
) -> Coverage | None:
    """How well the sample covers the reference; None if that was not asked for."""
    if plan.cutoffs is None:
        return None
    ours = _fingerprints(sample, "fingerprints", plan)
    theirs = _fingerprints(reference, "of the reference", plan)
    return coverage(ours, theirs, plan.cutoffs)


def _fingerprints(
    items: Sequence[Item], name: str, plan: Plan
) -> list[Fingerprint | None]:
    found = fingerprint_all(items, n_workers=plan.n_workers)
    shown = watched(found, name, len(items), plan.console)
    return [None if isinstance(each, Rejected) else each for each in shown]


def standings_of(
    judged: Sequence[Judged],
    known: KnownCrystals,
    *,
    n_workers: int,
    console: Console,
) -> list[Standing | None]:
    """How each crystal relates to the known ones; None where that is not known."""
    comparisons = {
        place: Comparison(
            identifier=each.identifier,
            structure=each.structure,
            candidates=known.candidates(each.structure),
        )
        for place, each in enumerate(judged)
        if isinstance(each, Assessment) and known.candidates(each.structure)
    }
    matching = match_all(tuple(comparisons.values()), n_workers=n_workers)
    found = watched(matching, "match", len(comparisons), console)
    matches = dict(zip(comparisons, found, strict=True))
    _report_lost(matches.values(), "crystals", "as not novel", console)
    standings: list[Standing | None] = []
    for place, each in enumerate(judged):
        match = matches.get(place)
        if isinstance(each, Rejected) or isinstance(match, Rejected):
            standings.append(None)
        else:
            standings.append(standing(each, known, match))
    return standings


def _reconstruction(
    judged: Sequence[Judged], truths: Sequence[NamedStructure], plan: Plan
) -> Reconstruction:
    """How many true crystals are hit; a comparison that fails is no match."""
    made = [
        NamedStructure(
            identifier=bare_name(each.identifier),
            structure=each.structure if isinstance(each, Assessment) else None,
        )
        for each in judged
    ]
    with warnings.catch_warnings():
        # of elements without an electronegativity: no news here
        warnings.simplefilter("ignore")
        pairing = pair(made, truths)
    targets = {
        place: Target(
            identifier=truth.identifier,
            truth=truth.structure,
            made=[made[index].structure for index in indices],
        )
        for place, (truth, indices) in enumerate(
            zip(truths, pairing.same_formula, strict=True)
        )
        if indices
    }
    measuring = measure_all(tuple(targets.values()), n_workers=plan.n_workers)
    found = watched(measuring, "measure", len(targets), plan.console)
    answers = dict(zip(targets, found, strict=True))
    _report_lost(answers.values(), "true crystals", "as not matched", plan.console)
    distances: list[Sequence[float]] = []
    for place, indices in enumerate(pairing.same_formula):
        answer = answers.get(place, ())
        is_lost = isinstance(answer, Rejected)
        distances.append([math.inf] * len(indices) if is_lost else answer)
    return reconstruction(pairing, distances)


def _report_lost(
    answers: Iterable[object], what: str, how: str, console: Console
) -> None:
    """Say which comparisons failed and how they count."""
    lost = [each for each in answers if isinstance(each, Rejected)]
    if lost:
        console.print(
            f"{len(lost)} {what} could not be compared and count {how}; the first,"
            f" {lost[0].identifier}: {lost[0].reason}",
            soft_wrap=True,
        )
