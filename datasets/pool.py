"""Map a function over items in worker processes, whatever the function does to them.

The standard executors lose a whole run when one process dies, and wait forever for
one that hangs. Here a worker that dies or overruns is replaced and costs the one item
it was busy with. Knows nothing of crystals.
"""

import multiprocessing
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from multiprocessing.connection import Connection, wait
from typing import Generic, TypeVar

from crystalgen.errors import DatasetError

Item = TypeVar("Item")
Result = TypeVar("Result")

MAX_DEATHS_IN_A_ROW = 20
"""After so many deaths without one result, something else than the items is wrong."""

CHUNKS_AHEAD = 4
"""Chunks for each worker that are read before the results of the first are there."""
_STARTUP_S = 300.0  # imports on a crowded machine
_CONTEXT = multiprocessing.get_context("spawn")  # fork copies locks that threads hold


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """What stands for the result of an item that its worker did not survive."""

    reason: str


def available_cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def survive_map(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    *,
    n_workers: int,
    timeout_s: float = 60.0,
    chunk_size: int = 8,
) -> Generator[Result | Lost, None, None]:
    """Results in the order of the items, read and computed as they are asked for.

    Args:
        function: Module-level function; it and its results are pickled.
        items: Read lazily, a few chunks ahead of the results.
        n_workers: Processes, at least 1.
        timeout_s: Longest time for one item.
        chunk_size: Items sent to a worker at once.

    Raises:
        DatasetError: Workers do not start, or die one after the other.
    """
    numbered = enumerate(items)
    results: dict[int, Result | Lost] = {}
    n_read = n_yielded = n_deaths = 0
    is_exhausted = False
    room = CHUNKS_AHEAD * n_workers * chunk_size
    workers = [_Worker(function, timeout_s) for _ in range(n_workers)]
    try:
        while True:
            for worker in workers:
                is_idle = worker.is_ready and not worker.pending
                # what is behind an item that takes long must not pile up
                if is_idle and n_read - n_yielded < room:
                    chunk = list(islice(numbered, chunk_size))
                    n_read += len(chunk)
                    is_exhausted = not chunk
                    worker.send(chunk)
            if is_exhausted and not any(worker.pending for worker in workers):
                return
            for worker in _with_news(workers):
                for number, result in worker.receive():
                    results[number] = result
                    n_deaths = n_deaths + 1 if isinstance(result, Lost) else 0
                    if n_deaths >= MAX_DEATHS_IN_A_ROW:
                        raise DatasetError(
                            f"{n_deaths} entries in a row gave no result;"
                            f" the last one: {result}"
                        )
            while n_yielded in results:
                yield results.pop(n_yielded)
                n_yielded += 1
    finally:
        for worker in workers:
            worker.stop()


class _Worker(Generic[Item, Result]):
    """A process, what it was sent and has not answered, and when it must answer."""

    def __init__(self, function: Callable[[Item], Result], timeout_s: float) -> None:
        self.pending: deque[tuple[int, Item]] = deque()
        self._function = function
        self._timeout_s = timeout_s
        self._start()

    def _start(self) -> None:
        self.connection, theirs = _CONTEXT.Pipe()
        self._process = _CONTEXT.Process(
            target=_serve, args=(theirs, self._function), daemon=True
        )
        with _interrupts_ignored():  # the process inherits that
            self._process.start()
        theirs.close()  # so that the death of the process closes the pipe
        self.is_ready = False
        self.deadline = time.monotonic() + _STARTUP_S

    def send(self, items: Sequence[tuple[int, Item]]) -> None:
        """Hand the next items to an idle process."""
        if not items:
            return
        self.pending = deque(items)
        self.deadline = time.monotonic() + self._timeout_s
        # a process that died while idle is found out by `receive`
        with suppress(OSError):
            self.connection.send([item for _, item in items])

    def receive(self) -> Iterator[tuple[int, Result | Lost]]:
        """At most one result, or a `Lost` if the process is gone or overdue."""
        try:
            if self.connection.poll():
                yield from self._accept(self.connection.recv())
                return
            is_overdue = time.monotonic() >= self.deadline
        except (EOFError, OSError):
            yield from self._replace(f"its worker process {self._last_words()}")
            return
        if is_overdue:
            yield from self._replace(f"took longer than {self._timeout_s:g} s")

    def _accept(self, message: Result) -> Iterator[tuple[int, Result | Lost]]:
        if not self.is_ready:  # the first message only says that it runs
            self.is_ready = True
            self.send(list(self.pending))
            return
        number, _ = self.pending.popleft()
        self.deadline = time.monotonic() + self._timeout_s
        yield number, message

    def _replace(self, reason: str) -> Iterator[tuple[int, Lost]]:
        if not self.is_ready:
            raise DatasetError(f"a worker process did not start: {reason}")
        self.stop()
        if self.pending:
            number, _ = self.pending.popleft()
            yield number, Lost(reason=reason)
        self._start()

    def _last_words(self) -> str:
        self._process.join(timeout=10)
        code = self._process.exitcode
        if code is not None and code < 0:
            return f"was killed by {signal.Signals(-code).name}"
        return f"ended with exit code {code}"

    def stop(self) -> None:
        """End the process, whatever it is doing."""
        self._process.kill()
        self._process.join()
        self.connection.close()


def _with_news(workers: Sequence[_Worker[Item, Result]]) -> list[_Worker[Item, Result]]:
    """Wait until workers have a result, are gone or are overdue; those."""
    watched = [worker for worker in workers if worker.pending or not worker.is_ready]
    by_connection = {worker.connection: worker for worker in watched}
    next_deadline = min(worker.deadline for worker in watched)
    patience = max(0.0, next_deadline - time.monotonic())
    wait(list(by_connection), timeout=patience)
    now = time.monotonic()
    return [w for w in watched if w.deadline <= now or w.connection.poll()]


@contextmanager
def _interrupts_ignored() -> Iterator[None]:
    """Keep Ctrl-C from what is started meanwhile: it is the parent's business."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may say so
        return
    previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)


def _serve(connection: Connection, function: Callable[[Item], Result]) -> None:
    """What a worker process does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(EOFError, ConnectionError):  # the parent is gone: nobody waits
        connection.send(None)
        while True:
            for item in connection.recv():
                connection.send(function(item))
