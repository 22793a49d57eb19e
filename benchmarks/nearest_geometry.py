"""Geometries copied from the nearest known crystals: the baseline of `geometry.py`.

Near are crystals of the same group and letters, those of the same prototype first, and
then of like elements: the sum over roles of the differences of Pauling
electronegativity and of covalent radius (Cordero et al., 2008). Lengths follow the mean
cube of the radii, which no match depends on.
"""

import warnings
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
from ase.data import covalent_radii
from jaxtyping import Float
from pymatgen.core import Element

from crystalgen.representation.crystal import SymmetricCrystal
from crystalgen.representation.elements import SYMBOLS
from crystalgen.representation.prototype import roles_of


def _traits() -> Float[np.ndarray, "species 2"]:
    """Electronegativity (Pauling) and covalent radius (Å) by atomic number."""
    traits = np.zeros((len(SYMBOLS) + 1, 2))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of noble gases without electronegativity
        traits[1:, 0] = [Element(symbol).X for symbol in SYMBOLS]
    known = covalent_radii[: len(traits)]
    traits[: len(known), 1] = np.where(known > 0.2, known, 0)  # 0.2 is none
    return np.where(np.nan_to_num(traits) > 0, traits, (2.0, 1.5))


TRAITS = _traits()
"""What elements are compared by."""


def copied(
    known: Sequence[SymmetricCrystal],
    truths: Sequence[SymmetricCrystal],
    *,
    samples: int,
) -> Iterator[list[SymmetricCrystal]]:
    """For each true crystal the geometries of the nearest known, nearest first."""
    of_template: dict[str, list[SymmetricCrystal]] = defaultdict(list)
    for each in known:
        of_template[each.label].append(each)
    for truth in truths:
        near = sorted(of_template[truth.label], key=partial(remoteness, truth))
        yield [copy(each, truth) for each in near[:samples]]


def remoteness(truth: SymmetricCrystal, other: SymmetricCrystal) -> tuple[bool, float]:
    """How unlike a crystal of the same template is: by prototype, then by elements."""
    exchanged = set(zip(truth.species, other.species, strict=True))
    gaps = [np.abs(TRAITS[a] - TRAITS[b]).sum() for a, b in exchanged]
    is_other = roles_of(truth.species) != roles_of(other.species)
    return is_other, float(sum(gaps))


def copy(other: SymmetricCrystal, truth: SymmetricCrystal) -> SymmetricCrystal:
    """The other crystal with the species of the true one, scaled by their radii."""
    sizes = np.array(truth.orbit_sizes)
    ours, theirs = (
        float(sizes @ TRAITS[list(each.species), 1] ** 3) for each in (truth, other)
    )
    parameters = other.lattice_parameters.copy()
    parameters[:3] *= (ours / theirs) ** (1 / 3)
    return replace(other, species=truth.species, lattice_parameters=parameters)
