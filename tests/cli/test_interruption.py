import os
import signal

import pytest

from crystalgen.cli.interruption import stoppable


def numbers(*, signal_at, number=signal.SIGINT):
    for value in range(10):
        if value == signal_at:
            os.kill(os.getpid(), number)
        yield value


def test_without_a_signal_all_items_come():
    with stoppable(iter("abc")) as items:
        assert list(items) == ["a", "b", "c"]
    assert items.signal == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_wait_for_the_next_item(number):
    with stoppable(numbers(signal_at=3, number=number)) as items:
        assert list(items) == [0, 1, 2]
    assert items.signal == number


def test_what_is_done_with_an_item_is_not_cut_short():
    done = []
    with stoppable(iter(range(10))) as items:
        for item in items:
            if item == 2:
                os.kill(os.getpid(), signal.SIGINT)
                os.kill(os.getpid(), signal.SIGINT)
            done.append(item)
    assert done == [0, 1, 2]


def test_handlers_are_put_back():
    before = signal.getsignal(signal.SIGINT)
    with stoppable(iter("a")):
        assert signal.getsignal(signal.SIGINT) is not before
    assert signal.getsignal(signal.SIGINT) is before


def test_an_interrupt_of_other_origin_passes():
    def broken():
        yield 1
        raise KeyboardInterrupt

    with stoppable(broken()) as items, pytest.raises(KeyboardInterrupt):
        list(items)
