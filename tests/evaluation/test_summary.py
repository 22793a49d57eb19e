import json
import math

import pytest

from crystalgen.evaluation.assessment import assess
from crystalgen.evaluation.report import Report, plain, to_json
from crystalgen.evaluation.summary import Rejected, Share, summarize
from crystalgen.evaluation.table import table_rows, to_csv, to_jsonl
from crystalgen.representation.conversion import to_structure


@pytest.fixture(scope="module")
def judged(crystals):
    """Three good crystals, one asked to be of a subgroup, and one nobody could read."""
    groups = (225, 216, None)
    found = [
        assess(str(index), to_structure(crystals[index]), asked_group=group)
        for index, group in enumerate(groups)
    ]
    return [*found, Rejected(identifier="bad", reason="not a readable cif: 'x', y")]


def test_shares_are_of_all_crystals_also_of_unreadable_ones(judged):
    summary = summarize(judged)
    assert summary.judged == Share(count=3, of=4)
    assert summary.validity.lemat == Share(count=3, of=4)
    assert summary.validity.cdvae == Share(count=3, of=4)
    assert summary.p1 == Share(count=0, of=4)


def test_groups_are_counted_among_those_asked_for(judged):
    for shares in summarize(judged).groups:
        assert shares.kept == shares.supergroup == Share(count=1, of=2)
        assert shares.other == shares.none_found == Share(count=0, of=2)


def test_without_asked_groups_there_is_nothing_to_keep(judged):
    assert summarize(judged[2:]).groups == ()


def test_a_share_of_nothing_is_unknown():
    assert math.isnan(Share(count=0, of=0).percent)
    assert plain(Share(count=0, of=0)) == {"count": 0, "of": 0, "percent": None}


def test_the_report_is_json(judged):
    report = Report(
        source="x",
        versions={"crystalgen": "0"},
        summary=summarize(judged),
        unique=Share(count=3, of=4),
    )
    found = json.loads(to_json(report))
    validity = found["summary"]["validity"]
    assert validity["lemat"] == {"count": 3, "of": 4, "percent": 75.0}


def test_a_report_holds_only_what_json_knows():
    with pytest.raises(TypeError, match="complex has no place"):
        plain(1j)


def test_the_tables_hold_all_crystals_and_agree(judged):
    rows = table_rows(judged, [None, "0", None, None], [None] * 4)
    lines = [json.loads(line) for line in to_jsonl(rows).splitlines()]
    assert lines == rows
    header, *records = to_csv(rows).splitlines()
    assert header.split(",") == list(rows[0])
    assert len(records) == 4
    assert records[0].startswith("0,,NaCl,2,2,")
    assert rows[1]["group_at_0.1"] == "supergroup"
    assert rows[3]["reason"] == "not a readable cif: 'x', y"
    assert rows[3]["lemat_valid"] is None
    assert [row["repeats"] for row in rows] == [None, "0", None, None]
