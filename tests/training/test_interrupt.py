import signal
import threading

import pytest

from crystalgen.training.interrupt import stop_on_signals


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_becomes_a_request_to_stop(number):
    before = signal.getsignal(number)
    with stop_on_signals() as stop:
        assert not stop()
        signal.raise_signal(number)
        assert stop() == number
        signal.raise_signal(signal.SIGTERM)  # as torchrun does after every Ctrl-C
        assert stop() == number
    assert signal.getsignal(number) is before


def test_a_second_interrupt_ends_at_once():
    with stop_on_signals():
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_other_threads_catch_nothing():
    seen = []

    def work():
        with stop_on_signals() as stop:
            seen.append(stop())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [0]
