"""How many given crystals are hit, and how closely: match rate, RMSE, METRe, cRMSE.

The match rate is CDVAE's (Xie et al., ICLR 2022), as in DiffCSP (Jiao et al., NeurIPS
2023): a crystal made for a true one matches if ``StructureMatcher(stol=0.5,
angle_tol=10, ltol=0.3)`` says so; the RMSE is the mean over the matched ones of the rms
displacement divided by (V/N)^(1/3). The rate is of all true crystals: one that is
missing, cannot be read or does not pass the numeric gate is not matched. CDVAE's code
counts out those that SMACT does not find valid, too; here they are compared, as real
crystals are among them.

METRe, "match everyone to reference", needs no pairs: it is the share of true crystals
that some crystal of their reduced formula matches, so that other polymorphs count.
cRMSE is the mean of the smallest displacements over all true crystals, with the site
tolerance for those that nothing matches, so that no model gains by matching the easy
ones only (Martirossyan et al., 2025, arXiv:2509.12178, and their code, OMatG).

Knows structures and their names; not where they come from, nor how work is shared.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core import Structure

from crystalgen.errors import GeometryError
from crystalgen.evaluation.matching import by_formula
from crystalgen.evaluation.summary import Share
from crystalgen.symmetry.gate import check_geometry

SITE_TOLERANCE = 0.5
"""``stol``, the largest rms displacement of a match, in units of (V/N)^(1/3)."""
_MATCHER = StructureMatcher(stol=SITE_TOLERANCE, angle_tol=10, ltol=0.3)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NamedStructure:
    """A crystal without oxidation states, and which one it is or was made for."""

    identifier: str
    structure: Structure | None
    """None if it cannot be read: it matches nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Matches:
    """How many true crystals are matched, and how closely."""

    matched: Share
    rmse: float
    """Mean of the matched ones' displacements, in (V/N)^(1/3); NaN without any."""
    crmse: float
    """The same over all, with `SITE_TOLERANCE` for those not matched."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairing:
    """Which crystals of a set each true one is compared with; indices into the set."""

    draws: tuple[tuple[int, ...], ...] | None
    """The ones of its identifier, in order; None if no identifiers agree."""
    same_formula: tuple[tuple[int, ...], ...]
    """The ones of its reduced formula, in order: no other can match."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconstruction:
    """What a set of crystals comes to, compared with true ones."""

    paired: Share | None
    """True crystals that a crystal of the set has the identifier of; None if the
    identifiers do not agree, and then there is METRe only."""
    n_draws: int
    """Most crystals of one identifier."""
    first: Matches | None
    """By the first crystal of each identifier: the match rate."""
    best: Matches | None
    """By the best of all crystals of each identifier."""
    metre: Matches
    """By the best of all crystals of the set."""


def rms_distance(made: Structure | None, truth: Structure | None) -> float:
    """Smallest rms displacement of two crystals in (V/N)^(1/3); inf for no match.

    Args:
        made: The crystal in question.
        truth: The one it is compared with. Which comes first matters: pymatgen finds
            other lattices to compare. This is the order of CDVAE's code.
    """
    if made is None or truth is None or not (_is_sane(made) and _is_sane(truth)):
        return np.inf
    if _formula(made) != _formula(truth):
        return np.inf
    found = _MATCHER.get_rms_dist(made, truth)
    return np.inf if found is None else float(found[0])


def matches(distances: Float[np.ndarray, " truths"]) -> Matches:
    """Count the finite distances and average them.

    >>> matches(np.array([0.1, np.inf, 0.3, np.inf])).rmse
    0.2
    """
    matched = np.isfinite(distances)
    limited = np.where(matched, distances, SITE_TOLERANCE)
    return Matches(
        matched=Share(count=int(matched.sum()), of=len(distances)),
        rmse=float(distances[matched].mean()) if matched.any() else np.nan,
        crmse=float(limited.mean()) if len(distances) else np.nan,
    )


def best_of(
    distances: Float[np.ndarray, "truths draws"], k: int
) -> Float[np.ndarray, " truths"]:
    """Smallest of the first k distances of each true crystal; inf without any."""
    return distances[:, :k].min(axis=1, initial=np.inf)


def pair(made: Sequence[NamedStructure], truths: Sequence[NamedStructure]) -> Pairing:
    """Find which crystals to compare.

    Identifiers agree if at least one is in both sets and no two true crystals share
    one. Crystals of one identifier are draws for one true crystal.
    """
    places: dict[str, list[int]] = {each.identifier: [] for each in truths}
    for index, each in enumerate(made):
        if each.identifier in places:
            places[each.identifier].append(index)
    is_paired = len(places) == len(truths) and any(places.values())
    draws = tuple(tuple(places[each.identifier]) for each in truths)
    readable = [index for index, each in enumerate(made) if each.structure is not None]
    structures = [each.structure for each in made if each.structure is not None]
    groups = {
        formula: tuple(readable[member] for member in members)
        for formula, members in by_formula(structures).items()
    }
    return Pairing(
        draws=draws if is_paired else None,
        same_formula=tuple(
            groups.get(_formula(each.structure), ()) if each.structure else ()
            for each in truths
        ),
    )


def reconstruction(
    pairing: Pairing, distances: Sequence[Sequence[float]]
) -> Reconstruction:
    """All figures, from the distances to each true crystal.

    Args:
        pairing: Which crystals were compared.
        distances: For each true crystal the `rms_distance` of those of its formula.
    """
    nearest = np.array([min(each, default=np.inf) for each in distances])
    if pairing.draws is None:
        return Reconstruction(
            paired=None, n_draws=0, first=None, best=None, metre=matches(nearest)
        )
    n_draws = max(map(len, pairing.draws))
    of_draws = np.full((len(distances), n_draws), np.inf)
    for row, (draws, compared, found) in enumerate(
        zip(pairing.draws, pairing.same_formula, distances, strict=True)
    ):
        known = dict(zip(compared, found, strict=True))
        of_draws[row, : len(draws)] = [known.get(draw, np.inf) for draw in draws]
    return Reconstruction(
        paired=Share(count=sum(map(bool, pairing.draws)), of=len(distances)),
        n_draws=n_draws,
        first=matches(best_of(of_draws, 1)),
        best=matches(best_of(of_draws, n_draws)),
        metre=matches(nearest),
    )


def compare(
    made: Sequence[NamedStructure], truths: Sequence[NamedStructure]
) -> Reconstruction:
    """Compare two sets of crystals in this process: `pair`, measure, count."""
    pairing = pair(made, truths)
    return reconstruction(
        pairing,
        [
            [rms_distance(made[index].structure, truth.structure) for index in indices]
            for truth, indices in zip(truths, pairing.same_formula, strict=True)
        ],
    )


def _formula(structure: Structure) -> str:
    return structure.composition.reduced_formula


def _is_sane(structure: Structure) -> bool:
    """Whether the numeric gate lets it pass."""
    try:
        check_geometry(
            np.array(structure.lattice.matrix, dtype=np.float64),
            np.array(structure.frac_coords, dtype=np.float64),
        )
    except GeometryError:
        return False
    return True
