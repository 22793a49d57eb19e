import math

import pytest

from crystalgen.errors import EvaluationError
from crystalgen.evaluation.journal import add_row, open_journal, read_journal


@pytest.fixture
def path(tmp_path):
    return tmp_path / "folder" / "rows.jsonl"


def write(path, *rows):
    with open_journal(path) as journal:
        for row in rows:
            add_row(journal, row)


def test_rows_come_back_in_order(path):
    rows = [{"id": "b", "rmsd": None}, {"id": "a", "cell": [[1.5]]}]
    write(path, *rows)
    assert list(read_journal(path).items()) == [("b", rows[0]), ("a", rows[1])]


def test_there_are_no_rows_before_the_first(path):
    assert read_journal(path) == {}


def test_a_row_can_be_read_before_the_table_is_closed(path):
    with open_journal(path) as journal:
        add_row(journal, {"id": "a"})
        assert read_journal(path) == {"a": {"id": "a"}}


def test_a_torn_line_is_no_row_and_is_cut_off(path):
    write(path, {"id": "a"})
    with path.open("a") as file:
        file.write('{"id": "b", "rm')
    assert read_journal(path).keys() == {"a"}
    write(path, {"id": "c"})
    assert read_journal(path).keys() == {"a", "c"}


def test_a_line_that_is_no_row_is_named(path):
    write(path, {"id": "a"})
    with path.open("a") as file:
        file.write('["b"]\n')
    with pytest.raises(EvaluationError, match=r"rows\.jsonl:2: no row"):
        read_journal(path)


def test_what_cannot_be_opened_is_named(tmp_path):
    with pytest.raises(EvaluationError, match="cannot be read"):
        read_journal(tmp_path)
    with pytest.raises(EvaluationError, match="cannot be written"):
        open_journal(tmp_path)


def test_numbers_are_finite(path):
    with open_journal(path) as journal, pytest.raises(ValueError, match="JSON"):
        add_row(journal, {"id": "a", "energy": math.nan})
