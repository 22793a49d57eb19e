"""What `crystalgen evaluate` does with each crystal, in worker processes.

One that cannot be read, or that some library does not survive, costs itself only: it
is answered by a reason.
"""

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar, runtime_checkable

from pymatgen.core import Structure

from crystalgen.cli.crystal_files import Item, bare_name
from crystalgen.datasets.parsing import parse
from crystalgen.datasets.pool import Lost, survive_map
from crystalgen.errors import CrystalgenError, DatasetError
from crystalgen.evaluation.assessment import Assessment, assess, checked, describe
from crystalgen.evaluation.coverage import Fingerprint, fingerprint
from crystalgen.evaluation.distribution import Traits
from crystalgen.evaluation.known import NamedCrystal, first_match
from crystalgen.evaluation.reconstruction import NamedStructure, rms_distance
from crystalgen.evaluation.summary import Judged, Rejected
from crystalgen.representation.conversion import from_structure, to_structure

TIMEOUT_S = 120.0
"""Longest time that one crystal may take."""
MATCH_TIMEOUT_S = 900.0
"""The same for its comparison with the known ones, maybe thousands of one formula."""


@runtime_checkable
class Named(Protocol):
    """A task that says which crystal it is about."""

    @property
    def identifier(self) -> str:
        """The crystal's name."""
        ...


TaskT = TypeVar("TaskT", bound=Named)
AnswerT = TypeVar("AnswerT")


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A crystal and the known ones of its formula."""

    identifier: str
    structure: Structure
    candidates: Sequence[NamedCrystal]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A true crystal and the crystals of its formula."""

    identifier: str
    truth: Structure | None
    made: Sequence[Structure | None]


def judge_all(items: Sequence[Item], *, n_workers: int) -> Iterator[Judged]:
    """Judge each crystal, in order, as asked for."""
    yield from _map(_judge, items, n_workers)


def describe_all(
    items: Sequence[Item], *, n_workers: int
) -> Iterator[Traits | Rejected]:
    """Find what distributions need of each crystal, in order, as asked for."""
    yield from _map(_describe, items, n_workers)


def fingerprint_all(
    items: Sequence[Item], *, n_workers: int
) -> Iterator[Fingerprint | Rejected | None]:
    """Find what coverage is judged by, in order, as asked for."""
    yield from _map(_fingerprint, items, n_workers)


def convert_all(
    items: Sequence[Item], *, n_workers: int
) -> Iterator[NamedCrystal | Rejected]:
    """Find the description of each crystal, in order, as asked for.

    No process is started if all are described already, as in a cache.
    """
    if all(item.crystal is not None for item in items):
        yield from map(_convert, items)
    else:
        yield from _map(_convert, items, n_workers)


def match_all(
    comparisons: Sequence[Comparison], *, n_workers: int
) -> Iterator[str | Rejected | None]:
    """Find which known crystal each one is, if any, in order, as asked for."""
    if comparisons:
        yield from _map(_match, comparisons, n_workers, MATCH_TIMEOUT_S)


def read_all(
    items: Sequence[Item], *, n_workers: int
) -> Iterator[NamedStructure | Rejected]:
    """Read each crystal, in order, as asked for; in this process from a cache."""
    if all(item.crystal is not None for item in items):
        yield from map(_read, items)
    else:
        yield from _map(_read, items, n_workers)


def measure_all(
    targets: Sequence[Target], *, n_workers: int
) -> Iterator[list[float] | Rejected]:
    """Find how far all crystals of each true one are, in order, as asked for."""
    if targets:
        yield from _map(_measure, targets, n_workers, MATCH_TIMEOUT_S)


def _map(
    function: Callable[[TaskT], AnswerT | Rejected],
    tasks: Sequence[TaskT],
    n_workers: int,
    timeout_s: float = TIMEOUT_S,
) -> Iterator[AnswerT | Rejected]:
    answers = survive_map(function, tasks, n_workers=n_workers, timeout_s=timeout_s)
    for task, answer in zip(tasks, answers, strict=True):
        if isinstance(answer, Lost):
            yield Rejected(identifier=task.identifier, reason=answer.reason)
        else:
            yield answer


def _judge(item: Item) -> Judged:
    return _or_reason(item, _assess)


def _describe(item: Item) -> Traits | Rejected:
    return _or_reason(item, _traits)


def _fingerprint(item: Item) -> Fingerprint | Rejected | None:
    return _or_reason(item, _features)


def _convert(item: Item) -> NamedCrystal | Rejected:
    return _or_reason(item, _named_crystal)


def _match(comparison: Comparison) -> str | None:
    return first_match(comparison.structure, comparison.candidates)


def _read(item: Item) -> NamedStructure | Rejected:
    return _or_reason(item, _named_structure)


def _measure(target: Target) -> list[float]:
    with warnings.catch_warnings():
        # of elements without an electronegativity: no news here
        warnings.simplefilter("ignore")
        return [rms_distance(made, target.truth) for made in target.made]


def _or_reason(item: Item, function: Callable[[Item], AnswerT]) -> AnswerT | Rejected:
    try:
        with warnings.catch_warnings():
            # of elements without an electronegativity and the like: no news here
            warnings.simplefilter("ignore")
            return function(item)
    except CrystalgenError as error:
        reason = " ".join(str(error).split())
        return Rejected(identifier=item.identifier, reason=reason)


def _assess(item: Item) -> Assessment:
    structure, as_written = _structures(item)
    return assess(
        item.identifier,
        structure,
        asked_group=item.asked_group,
        as_written=as_written,
        crystal=item.crystal,
    )


def _traits(item: Item) -> Traits:
    structure, _ = _structures(item)
    return describe(structure, crystal=item.crystal)


def _features(item: Item) -> Fingerprint | None:
    structure, _ = _structures(item)
    return fingerprint(structure.get_primitive_structure())


def _named_crystal(item: Item) -> NamedCrystal:
    crystal = item.crystal
    if crystal is None:
        structure, _ = _structures(item)
        crystal = from_structure(structure)
    return NamedCrystal(identifier=item.identifier, crystal=crystal)


def _named_structure(item: Item) -> NamedStructure:
    structure, _ = _structures(item)
    name = bare_name(item.identifier)
    return NamedStructure(identifier=name, structure=checked(structure))


def _structures(item: Item) -> tuple[Structure, Structure | None]:
    """The structure to judge, and the one read from a file."""
    as_written = None if item.payload is None else parse(item.payload)
    structure = as_written if item.crystal is None else to_structure(item.crystal)
    if structure is None:
        raise DatasetError("neither a file nor a record of it")
    return structure, as_written
