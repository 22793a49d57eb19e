"""Random crystals of PyXtal with the true space group and formula of real ones.

PyXtal (Fredericks et al., Comput. Phys. Commun. 261, 107810, 2021) chooses Wyckoff
positions that add up to the formula, and a cell and coordinates without close
contacts. It is told what a generator has to find out: which formula goes with which
group. Needs the extra `tables`.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec

import numpy as np
from rich.console import Console

from crystalgen.cli.crystal_files import Item
from crystalgen.representation.conversion import to_conventional_structure
from crystalgen.representation.crystal import SymmetricCrystal
from peers.made import Made, bare_item, make

TIMEOUT_S = 20.0
"""PyXtal searches for minutes where little room is left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What PyXtal is told of one crystal."""

    index: int
    seed: int
    space_group: int
    counts: tuple[tuple[str, int], ...]
    """Atoms of each element in the conventional cell."""


def is_installed() -> bool:
    """Whether there is a PyXtal."""
    return find_spec("pyxtal") is not None


def pyxtal_random(
    crystals: Sequence[SymmetricCrystal], *, seed: int, n_workers: int, console: Console
) -> Made:
    """One random crystal for each real one."""
    tasks = [
        Task(
            index=index,
            seed=seed,
            space_group=each.space_group,
            counts=_conventional_counts(each),
        )
        for index, each in enumerate(crystals)
    ]
    return make(
        draw,
        tasks,
        name="PyXtal random",
        note="random positions, coordinates and cell, given the true space group and"
        f" formula of a reference crystal; at most {TIMEOUT_S:g} s each",
        asked=len(tasks),
        timeout_s=TIMEOUT_S,
        n_workers=n_workers,
        console=console,
    )


def draw(task: Task) -> Sequence[Item] | str:
    """One crystal, or why there is none."""
    # imported here: it takes a second and is not among our requirements
    from pyxtal import pyxtal  # pyright: ignore[reportMissingImports]

    symbols, counts = zip(*task.counts, strict=True)
    crystal = pyxtal()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            crystal.from_random(
                3,
                task.space_group,
                list(symbols),
                list(counts),
                random_state=np.random.default_rng((task.seed, task.index)),
            )
        except _errors() as error:
            return f"{type(error).__name__}: {error}"
        if not crystal.valid:
            return "no crystal without close contacts"
        structure = crystal.to_pymatgen()
    name = f"pyxtal-{task.index:05d}"
    return [bare_item(name, structure, asked_group=task.space_group)]


@lru_cache(maxsize=1)
def _errors() -> tuple[type[Exception], ...]:
    """What PyXtal raises where it finds nothing."""
    from pyxtal.msg import (  # pyright: ignore[reportMissingImports]
        Comp_CompatibilityError,
        VolumeError,
    )

    return (Comp_CompatibilityError, VolumeError, RuntimeError)


def _conventional_counts(crystal: SymmetricCrystal) -> tuple[tuple[str, int], ...]:
    composition = to_conventional_structure(crystal).composition
    return tuple((each.symbol, int(count)) for each, count in composition.items())
