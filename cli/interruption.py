"""Let a loop end in order at Ctrl-C, or when a batch system ends the job."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Generic, TypeVar

ItemT = TypeVar("ItemT")
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stoppable(Generic[ItemT], Iterator[ItemT]):
    """Passes items on until a signal comes.

    The wait for an item is cut short; what is done with an item is not.

    Args:
        source: Where the items come from.
    """

    def __init__(self, source: Iterator[ItemT]) -> None:
        self.signal = 0
        """The signal that has come, or 0."""
        self._source = source
        self._is_waiting = False

    def __next__(self) -> ItemT:
        if self.signal:
            raise StopIteration
        self._is_waiting = True
        try:
            return next(self._source)
        except KeyboardInterrupt:
            if not self.signal:
                raise
            raise StopIteration from None
        finally:
            self._is_waiting = False

    def stop(self, number: int, _frame: FrameType | None = None) -> None:
        """End the loop; the handler of a signal."""
        is_repeated, self.signal = bool(self.signal), number
        if self._is_waiting and not is_repeated:
            raise KeyboardInterrupt


@contextmanager
def stoppable(source: Iterator[ItemT]) -> Iterator[Stoppable[ItemT]]:
    """Stop taking items at SIGINT or SIGTERM, inside this context.

    Outside the main thread, where Python allows no handlers, nothing is caught.
    """
    items = Stoppable(source)
    if threading.current_thread() is not threading.main_thread():
        yield items
        return
    previous = {number: signal.signal(number, items.stop) for number in _SIGNALS}
    try:
        yield items
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
