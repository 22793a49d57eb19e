from dataclasses import replace

import pytest

from crystalgen.evaluation.assessment import assess
from crystalgen.evaluation.known import NamedCrystal, first_match, know
from crystalgen.evaluation.novelty import Provenance, novelty, standing
from crystalgen.evaluation.summary import Rejected, Share
from crystalgen.representation.conversion import to_structure

ROLES = {
    0: (Provenance.DUPLICATE, "mp-0"),
    1: (Provenance.SUBSTITUTION, "mp-0"),
    3: (Provenance.DUPLICATE, "mp-3"),
    4: (Provenance.SUBSTITUTION, "mp-3"),
    8: (Provenance.NEW_FRAMEWORK, None),
    12: (Provenance.NEW_FRAMEWORK, None),
}


@pytest.fixture(scope="module")
def known(crystals):
    """Table salt and a perovskite."""
    return know(
        NamedCrystal(identifier=f"mp-{index}", crystal=crystals[index])
        for index in (0, 3)
    )


@pytest.fixture(scope="module")
def judged(crystals):
    return [assess(str(index), to_structure(crystals[index])) for index in ROLES]


@pytest.fixture(scope="module")
def standings(judged, known):
    return [
        standing(
            each, known, first_match(each.structure, known.candidates(each.structure))
        )
        for each in judged
    ]


def test_every_crystal_gets_its_origin(standings):
    found = [(each.provenance, each.origin) for each in standings]
    assert found == list(ROLES.values())


def test_templates_and_labels_are_new_by_themselves(standings):
    assert [each.is_new_template for each in standings] == [False] * 4 + [True] * 2
    assert [each.is_new_by_label for each in standings] == [
        provenance is not Provenance.DUPLICATE for provenance, _ in ROLES.values()
    ]


def test_a_crystal_without_labels_can_still_be_a_duplicate(judged, known):
    bare = replace(judged[0], labels=None)
    assert standing(bare, known, "mp-0").provenance is Provenance.DUPLICATE
    assert standing(bare, known, None).provenance is Provenance.UNDESCRIBED


def test_counts_are_of_all_and_classes_add_up(judged, standings):
    everything = [*judged, Rejected(identifier="bad", reason="rubbish")]
    repeats = [None, None, None, None, None, "8", None]

    found = novelty(everything, [*standings, None], repeats, n_known=2)

    assert found.n_known == 2
    assert found.novel == found.novel_by_label == Share(count=4, of=7)
    assert found.new_templates_per_1000 == pytest.approx(2000 / 7)
    classes = (
        found.duplicates,
        found.substitutions,
        found.new_frameworks,
        found.undescribed,
    )
    assert [each.crystals.count for each in classes] == [2, 2, 2, 0]
    assert found.among_novel.crystals.count == 4
    assert found.among_new_templates.crystals.count == 2
    valid = [each.verdict.is_valid for each in judged]
    assert found.among_novel.lemat == Share(
        count=sum(valid[index] for index in (1, 3, 4, 5)), of=4
    )
    assert found.valid_unique_novel == Share(
        count=sum(valid[index] for index in (1, 3, 4)), of=7
    )
