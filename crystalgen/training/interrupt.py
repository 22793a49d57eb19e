"""Let a run end in order at Ctrl-C or when a batch system says so."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def stop_on_signals() -> Iterator[Callable[[], int]]:
    """Turn SIGINT and SIGTERM into a request to stop, inside this context.

    A second SIGINT is a `KeyboardInterrupt` at once. A SIGTERM after the first signal
    changes nothing: ``torchrun`` sends one after every Ctrl-C. Outside the main
    thread, where Python allows no handlers, nothing is caught.

    Yields:
        A function that says which signal has come, or 0: the ``stop`` of a run.
    """
    came: list[int] = []

    def handle(number: int, _frame: FrameType | None) -> None:
        if came and number == signal.SIGINT:
            raise KeyboardInterrupt
        came.append(number)

    def first() -> int:
        return came[0] if came else 0

    if threading.current_thread() is not threading.main_thread():
        yield first
        return
    previous = {number: signal.signal(number, handle) for number in _SIGNALS}
    try:
        yield first
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
