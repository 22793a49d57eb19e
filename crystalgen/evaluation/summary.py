"""The shares of a set of crystals that pass each check.

Shares are of all crystals handed in: one that could not be read or judged passes
nothing, so that a generator gains nothing by writing files that nobody can read.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from crystalgen.evaluation.assessment import Assessment
from crystalgen.evaluation.groups import SYMPRECS, GroupMatch


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """A crystal that could not be read or judged."""

    identifier: str
    reason: str


Judged = Assessment | Rejected


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A part of a whole, both counted."""

    count: int
    of: int

    @property
    def percent(self) -> float:
        """100 count / of; NaN of an empty whole."""
        return 100 * self.count / self.of if self.of else float("nan")


@dataclass(frozen=True, slots=True, kw_only=True)
class Validity:
    """Crystals that pass each check of `validity` and of CDVAE."""

    lemat: Share
    """LeMat-GenBench, complete."""
    lemat_strict: Share
    """Without oxidation states guessed from the composition; most published figures."""
    neutral: Share
    neutral_strict: Share
    spaced: Share
    plausible: Share
    cdvae_structure: Share
    cdvae_composition: Share
    cdvae: Share
    """Structure and composition."""
    whole: Share
    """No atom far from all others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupShares:
    """Crystals with a known asked group, by how the found one relates to it."""

    symprec: float
    """Å."""
    kept: Share
    supergroup: Share
    other: Share
    none_found: Share


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What the crystals of a set come to, each judged by itself."""

    judged: Share
    validity: Validity
    p1: Share
    """No symmetry but translations, at 0.1 Å."""
    groups: tuple[GroupShares, ...]
    """At each tolerance; empty if no crystal has a group that was asked for."""


def summarize(judged: Sequence[Judged]) -> Summary:
    """Count what passes each check."""
    known = [each for each in judged if isinstance(each, Assessment)]
    return Summary(
        judged=Share(count=len(known), of=len(judged)),
        validity=validity(judged),
        p1=share(judged, lambda each: each.space_group == 1),
        groups=_groups(known),
    )


def share(judged: Sequence[Judged], passes: Callable[[Assessment], bool]) -> Share:
    """Crystals that pass a test, of all; those that were not judged do not pass."""
    known = [each for each in judged if isinstance(each, Assessment)]
    return Share(count=sum(map(passes, known)), of=len(judged))


def validity(judged: Sequence[Judged]) -> Validity:
    """Count the valid crystals."""
    return Validity(
        lemat=share(judged, lambda each: each.verdict.is_valid),
        lemat_strict=share(judged, lambda each: each.verdict.is_valid_strictly),
        neutral=share(judged, lambda each: each.verdict.is_neutral),
        neutral_strict=share(judged, lambda each: each.verdict.is_neutral_strictly),
        spaced=share(judged, lambda each: each.verdict.is_spaced),
        plausible=share(judged, lambda each: each.verdict.is_plausible),
        cdvae_structure=share(judged, lambda each: each.is_separated),
        cdvae_composition=share(judged, lambda each: each.is_smact_valid),
        cdvae=share(judged, lambda each: each.is_cdvae_valid),
        whole=share(judged, lambda each: each.n_lone_atoms == 0),
    )


def _groups(known: Sequence[Assessment]) -> tuple[GroupShares, ...]:
    asked = [each.group_matches for each in known if each.group_matches]
    if not asked:
        return ()
    shares = []
    for place, symprec in enumerate(SYMPRECS):
        found = [matches[place] for matches in asked]
        kept, supergroup, other, none_found = (
            Share(count=found.count(match), of=len(found)) for match in GroupMatch
        )
        shares.append(
            GroupShares(
                symprec=symprec,
                kept=kept,
                supergroup=supergroup,
                other=other,
                none_found=none_found,
            )
        )
    return tuple(shares)
