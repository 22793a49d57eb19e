"""What of a set of crystals is new, and where the rest comes from.

Every crystal gets its provenance: a duplicate of a known crystal, a substitution of
one (the same framework with other elements), or a new framework. Most of what
generators publish as new is of the first two kinds, so validity is given for each.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from crystalgen.evaluation.assessment import Assessment
from crystalgen.evaluation.known import KnownCrystals
from crystalgen.evaluation.summary import Judged, Share


class Provenance(Enum):
    """How a crystal relates to the known ones."""

    DUPLICATE = "duplicate"
    """`StructureMatcher` finds it among them."""
    SUBSTITUTION = "substitution"
    """They hold its framework, with other elements or another geometry."""
    NEW_FRAMEWORK = "new framework"
    """They do not hold its framework."""
    UNDESCRIBED = "undescribed"
    """It is no duplicate and has no description by Wyckoff positions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How one crystal relates to the known ones."""

    provenance: Provenance
    origin: str | None
    """The known crystal that it repeats or substitutes."""
    is_new_template: bool
    """No known crystal has its group and letters."""
    is_new_by_label: bool
    """No known crystal has its group and letters with its elements on them."""

    @property
    def is_novel(self) -> bool:
        """`StructureMatcher` does not find it among the known ones."""
        return self.provenance is not Provenance.DUPLICATE


@dataclass(frozen=True, slots=True, kw_only=True)
class Class:
    """Crystals of one kind, and which of them are valid."""

    crystals: Share
    """Of all crystals handed in."""
    lemat: Share
    """Of this class, as the following."""
    lemat_strict: Share
    cdvae: Share


@dataclass(frozen=True, slots=True, kw_only=True)
class Novelty:
    """What is new in a set."""

    n_known: int
    novel: Share
    """By `StructureMatcher`."""
    novel_by_label: Share
    valid_unique_novel: Share
    """LeMat-GenBench complete, unique within the set, and novel."""
    strictly_valid_unique_novel: Share
    new_templates_per_1000: float
    """Different templates that no known crystal has, per 1,000 crystals handed in."""
    among_novel: Class
    among_new_templates: Class
    duplicates: Class
    substitutions: Class
    new_frameworks: Class
    undescribed: Class


def standing(crystal: Assessment, known: KnownCrystals, match: str | None) -> Standing:
    """Say where a crystal comes from.

    Args:
        crystal: The crystal.
        known: The known crystals.
        match: Which of them it is, as `first_match` finds among its candidates.
    """
    labels = crystal.labels
    if labels is None:
        return Standing(
            provenance=Provenance.DUPLICATE if match else Provenance.UNDESCRIBED,
            origin=match,
            is_new_template=False,
            is_new_by_label=False,
        )
    parent = known.parent(labels.framework, crystal.elements)
    if match is not None:
        provenance, origin = Provenance.DUPLICATE, match
    elif parent is not None:
        provenance, origin = Provenance.SUBSTITUTION, parent.identifier
    else:
        provenance, origin = Provenance.NEW_FRAMEWORK, None
    return Standing(
        provenance=provenance,
        origin=origin,
        is_new_template=labels.template not in known.templates,
        is_new_by_label=labels.protostructure not in known.protostructures,
    )


def novelty(
    judged: Sequence[Judged],
    standings: Sequence[Standing | None],
    repeats: Sequence[str | None],
    *,
    n_known: int,
) -> Novelty:
    """Count what is new.

    Args:
        judged: All crystals of the set.
        standings: Of each; None where it was not judged or could not be compared,
            which counts as nothing new.
        repeats: The earlier crystal of the set that each repeats, if any.
        n_known: Size of what they were compared with.
    """
    n = len(judged)
    pairs = [
        (crystal, place, repeat is None)
        for crystal, place, repeat in zip(judged, standings, repeats, strict=True)
        if isinstance(crystal, Assessment) and place is not None
    ]
    wanted = [crystal for crystal, place, unique in pairs if unique and place.is_novel]
    new_templates = {
        crystal.labels.template
        for crystal, place, _ in pairs
        if place.is_new_template and crystal.labels
    }

    def kind(members: Sequence[bool]) -> Class:
        chosen = [pair[0] for pair, is_in in zip(pairs, members, strict=True) if is_in]
        return _class(chosen, n)

    def of(provenance: Provenance) -> Class:
        return kind([place.provenance is provenance for _, place, _ in pairs])

    return Novelty(
        n_known=n_known,
        novel=Share(count=sum(place.is_novel for _, place, _ in pairs), of=n),
        novel_by_label=Share(
            count=sum(place.is_new_by_label for _, place, _ in pairs), of=n
        ),
        valid_unique_novel=Share(
            count=sum(each.verdict.is_valid for each in wanted), of=n
        ),
        strictly_valid_unique_novel=Share(
            count=sum(each.verdict.is_valid_strictly for each in wanted), of=n
        ),
        new_templates_per_1000=1000 * len(new_templates) / n if n else float("nan"),
        among_novel=kind([place.is_novel for _, place, _ in pairs]),
        among_new_templates=kind([place.is_new_template for _, place, _ in pairs]),
        duplicates=of(Provenance.DUPLICATE),
        substitutions=of(Provenance.SUBSTITUTION),
        new_frameworks=of(Provenance.NEW_FRAMEWORK),
        undescribed=of(Provenance.UNDESCRIBED),
    )


def _class(members: Sequence[Assessment], n: int) -> Class:
    size = len(members)
    return Class(
        crystals=Share(count=size, of=n),
        lemat=Share(count=sum(each.verdict.is_valid for each in members), of=size),
        lemat_strict=Share(
            count=sum(each.verdict.is_valid_strictly for each in members), of=size
        ),
        cdvae=Share(count=sum(each.is_cdvae_valid for each in members), of=size),
    )
