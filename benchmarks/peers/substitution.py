"""Training crystals with other elements: a generator that has learnt nothing.

The recipe: take a training crystal at random. Give each of its elements another one or
itself, with the probability that Hautier et al. (Inorg. Chem. 50, 656, 2011; the table
in pymatgen) find for ions of one charge, summed over the charges. Keep what changes
something, keeps the elements different and has charges that cancel (the same rule that
our generator applies inside its draw), else draw the elements again. Scale the volume
by the sum of the cubed covalent radii. Nothing else is checked.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from ase.data import covalent_radii
from jaxtyping import Float, Int
from pymatgen.analysis.structure_prediction.substitution_probability import (
    SubstitutionProbability,
)
from rich.console import Console

from crystalgen.cli.crystal_files import Item
from crystalgen.datasets.cache import read_cache
from crystalgen.representation.conversion import to_structure
from crystalgen.representation.crystal import SymmetricCrystal
from crystalgen.representation.neutrality import is_neutral
from crystalgen.representation.table import CrystalTable
from peers.made import Made, bare_item, make

TRIES_PER_PARENT = 50
"""Times that the elements of one training crystal are drawn."""
PARENTS = 20
"""Training crystals tried before a draw is given up."""
TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One draw."""

    index: int
    seed: int
    train: Path


def substitution(
    train: Path, n: int, *, seed: int, n_workers: int, console: Console
) -> Made:
    """Substitute the elements of training crystals."""
    tasks = [Task(index=index, seed=seed, train=train) for index in range(n)]
    return make(
        draw,
        tasks,
        name="substitution",
        note="a random training crystal, elements replaced by the ionic substitution"
        " probabilities of Hautier et al. until charges cancel, volume scaled by"
        " covalent radii",
        asked=n,
        timeout_s=TIMEOUT_S,
        n_workers=n_workers,
        console=console,
    )


def draw(task: Task) -> Sequence[Item] | str:
    """One crystal, or why there is none."""
    table = _training(task.train)
    rng = np.random.default_rng((task.seed, task.index))
    for row in rng.integers(len(table), size=PARENTS).tolist():
        parent = table.crystal(row)
        species = substitutes(parent, rng)
        if species is not None:
            child = scaled(parent, species)
            name = f"substitution-{task.index:05d}"
            group = child.space_group
            return [bare_item(name, to_structure(child), asked_group=group)]
    return f"no neutral substitution of {PARENTS} training crystals"


def substitutes(
    parent: SymmetricCrystal, rng: np.random.Generator
) -> tuple[int, ...] | None:
    """New species of all orbits; None if none of the tries is neutral."""
    counts = parent.composition
    options = [probabilities().get(old) for old in counts]
    for _ in range(TRIES_PER_PARENT):
        new = tuple(
            old if option is None else int(rng.choice(option[0], p=option[1]))
            for old, option in zip(counts, options, strict=True)
        )
        is_changed = new != tuple(counts)
        is_distinct = len(set(new)) == len(new)
        if is_changed and is_distinct and is_neutral(new, tuple(counts.values())):
            renamed = dict(zip(counts, new, strict=True))
            return tuple(renamed[old] for old in parent.species)
    return None


def scaled(parent: SymmetricCrystal, species: tuple[int, ...]) -> SymmetricCrystal:
    """The crystal with other elements, its volume that of their covalent spheres."""
    sizes = np.array(parent.orbit_sizes)
    before = sizes @ covalent_radii[list(parent.species)] ** 3
    after = sizes @ covalent_radii[list(species)] ** 3
    parameters = parent.lattice_parameters.copy()
    parameters[:3] *= (after / before) ** (1 / 3)
    return replace(parent, species=species, lattice_parameters=parameters)


@lru_cache(maxsize=1)
def probabilities() -> dict[
    int, tuple[Int[np.ndarray, " elements"], Float[np.ndarray, " elements"]]
]:
    """For each element those that replace it, and how likely each does.

    The joint probability of two ions of one charge, summed over the charges; elements
    that the table does not know are left as they are.
    """
    model = SubstitutionProbability()
    ions = sorted(model.species, key=lambda ion: (ion.Z, ion.oxi_state))
    joint = np.zeros((119, 119))
    for first in ions:
        for second in ions:
            if first.oxi_state == second.oxi_state:
                joint[first.Z, second.Z] += model.prob(first, second)
    return {
        number: (np.flatnonzero(row), row[row > 0] / row.sum())
        for number, row in enumerate(joint)
        if row.any()
    }


@lru_cache(maxsize=1)
def _training(path: Path) -> CrystalTable:
    return read_cache(path)[0]
