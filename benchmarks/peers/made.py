"""A set of crystals as it is handed to the judge, and what making it cost."""

import resource
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from pymatgen.core import Structure
from rich.console import Console

from crystalgen.cli.crystal_files import Item
from crystalgen.cli.evaluation_steps import watched
from crystalgen.datasets.entry import Sites
from crystalgen.datasets.pool import Lost, survive_map

TaskT = TypeVar("TaskT")


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """Crystals of one recipe."""

    name: str
    """Heading of its column."""
    note: str
    """What the recipe is, in a line."""
    asked: int
    items: tuple[Item, ...]
    failures: Mapping[str, int]
    """Why crystals that were asked for are missing, with how many."""
    cpu_s: float | None
    """Time of all processes on all cores, their start included; None if nothing was
    made."""


def make(
    function: Callable[[TaskT], Sequence[Item] | str],
    tasks: Sequence[TaskT],
    *,
    name: str,
    note: str,
    asked: int,
    timeout_s: float,
    n_workers: int,
    console: Console,
) -> Made:
    """Run a recipe in processes of its own.

    Args:
        function: Makes the crystals of a task, or says why it cannot.
        tasks: One or more crystals each.
        name: Heading of its column.
        note: What the recipe is.
        asked: Crystals wanted of all tasks.
        timeout_s: Longest time of a task; what takes longer is a failure.
        n_workers: Processes.
        console: Where progress is shown.
    """
    before = children_cpu_s()
    answers = survive_map(
        function, tasks, n_workers=n_workers, timeout_s=timeout_s, chunk_size=1
    )
    items: list[Item] = []
    failures: Counter[str] = Counter()
    for answer in watched(answers, name, len(tasks), console):
        if isinstance(answer, Lost):
            failures[answer.reason] += 1
        elif isinstance(answer, str):
            failures[answer] += 1
        else:
            items += answer
    return Made(
        name=name,
        note=note,
        asked=asked,
        items=tuple(items),
        failures=dict(failures),
        cpu_s=children_cpu_s() - before,
    )


def children_cpu_s() -> float:
    """CPU time of all processes that were started and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def bare_item(
    identifier: str, structure: Structure, *, asked_group: int | None
) -> Item:
    """A crystal to judge from nothing but its atoms."""
    return Item(
        identifier=identifier,
        payload=Sites(
            lattice=np.array(structure.lattice.matrix, dtype=np.float64),
            frac_coords=np.array(structure.frac_coords, dtype=np.float64),
            numbers=np.array([site.specie.Z for site in structure], dtype=np.int64),
        ),
        asked_group=asked_group,
    )
