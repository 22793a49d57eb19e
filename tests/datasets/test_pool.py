import time

import pytest

from crystalgen.datasets import pool
from crystalgen.datasets.pool import CHUNKS_AHEAD, Lost, survive_map
from crystalgen.errors import DatasetError

# eval is the one function that any process can import and that does anything at all
DIE = "__import__('os')._exit(3)"
CRASH = "__import__('os').kill(__import__('os').getpid(), 11)"
HANG = "__import__('time').sleep(1000)"


def test_results_come_in_the_order_of_the_items():
    slow_first = ["__import__('time').sleep(0.3) or 0", *map(str, range(1, 40))]

    results = survive_map(eval, slow_first, n_workers=2, chunk_size=3)

    assert list(results) == list(range(40))


def test_a_death_a_crash_and_a_hang_cost_one_item_each():
    items = ["0", DIE, "2", CRASH, "4", HANG, "6", "7"]

    start = time.monotonic()
    results = list(survive_map(eval, items, n_workers=2, timeout_s=1.0))

    assert time.monotonic() - start < 60
    assert [i for i, result in enumerate(results) if result == i] == [0, 2, 4, 6, 7]
    assert results[1] == Lost(reason="its worker process ended with exit code 3")
    assert results[3] == Lost(reason="its worker process was killed by SIGSEGV")
    assert results[5] == Lost(reason="took longer than 1 s")


def test_no_items_give_no_results():
    assert list(survive_map(eval, [], n_workers=1)) == []


@pytest.mark.parametrize("first", ["0", "__import__('time').sleep(1) or 0"])
def test_items_are_read_only_a_few_chunks_ahead(first):
    """However long the first one takes."""
    read = []
    items = (read.append(i) or (str(i) if i else first) for i in range(1000))
    results = survive_map(eval, items, n_workers=2, chunk_size=4)

    assert next(results) == 0
    assert len(read) < CHUNKS_AHEAD * 2 * 4 + 2 * 4
    assert list(results) == list(range(1, 1000))


def test_a_run_in_which_every_worker_dies_is_given_up(monkeypatch):
    monkeypatch.setattr(pool, "MAX_DEATHS_IN_A_ROW", 2)

    with pytest.raises(DatasetError, match=r"2 entries in a row.*exit code 3"):
        list(survive_map(eval, [DIE] * 10, n_workers=1))
