"""Candidates one after the other: draw, check, drop duplicates, count."""

import signal
from collections import deque
from collections.abc import Iterable, Iterator, Set as AbstractSet
from concurrent.futures import Future, ProcessPoolExecutor
from copy import deepcopy
from dataclasses import dataclass, field
from itertools import chain, islice
from math import ceil
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt64

from crystalgen.errors import RequestError
from crystalgen.generation.block import Outcome
from crystalgen.generation.block_sizes import DRAWS_PER_BLOCK, block_of, draws_of
from crystalgen.generation.candidate import Candidate, Progress, Tally
from crystalgen.generation.drawing import ROUNDS, draw_block
from crystalgen.generation.drawn_before import (
    FIRST_TO_KNOW,
    DrawnBefore,
    n_known_blocks,
)
from crystalgen.generation.duplicates import SeenCrystals
from crystalgen.generation.request import Request
from crystalgen.generation.targets import Targets
from crystalgen.generation.template_draw import TemplateDraw
from crystalgen.generation.templates import TemplateSource
from crystalgen.generation.weights import Weights, load_weights
from crystalgen.memory import keep_freed_memory

RENEWALS = 2
"""Times that a template with which nothing succeeds is replaced by one like it."""
TRIES_PER_CRYSTAL = 5
"""Draws after which a run gives up, per crystal asked for."""
MIN_TRIES = 4 * DRAWS_PER_BLOCK
"""Draws that even the smallest run makes before it gives up."""


@dataclass(kw_only=True)
class Sampling:
    """An iterator of candidates that counts what it does.

    Attributes:
        weights: Trained networks.
        request: What is wanted.
        seed: Same seed, same crystals.
        workers: Processes that draw; 1 draws in this one.
        batch_size: Draws handed to a process at once, rounded up to whole blocks
            (`crystalgen.generation.block_sizes`); more means fewer messages and a
            longer wait for the first crystal, never other crystals. Blocks that know
            earlier ones (`crystalgen.generation.drawn_before`) go one by one.
        checkpoint: Where workers load the weights from; None for the default ones.
        progress: Where to go on; None to begin.
        tally: What became of the draws so far.
    """

    weights: Weights
    request: Request
    seed: int
    workers: int = 1
    batch_size: int = DRAWS_PER_BLOCK
    checkpoint: Path | None = None
    progress: Progress | None = None
    tally: Tally = field(init=False)

    def __post_init__(self) -> None:
        if self.workers < 1 or self.batch_size < 1:
            raise RequestError(
                f"workers and batch size: got {self.workers} and {self.batch_size}; "
                "expected at least 1 of each"
            )
        if self.seed < 0:
            raise RequestError(f"seed: got {self.seed}; expected 0 or more")
        self.tally = deepcopy(self.progress.tally) if self.progress else Tally()
        self._source = TemplateSource(weights=self.weights, request=self.request)
        done = self.progress
        earlier = zip(done.indices, done.crystals, strict=True) if done else ()
        self._drawn = DrawnBefore(earlier)
        self._candidates = self._run()

    def __iter__(self) -> Iterator[Candidate]:
        return self

    def __next__(self) -> Candidate:
        return next(self._candidates)

    @property
    def targets(self) -> Targets | None:
        """Properties that are asked of each draw; None if none is."""
        return self._source.chances.targets

    @property
    def cap(self) -> int:
        """Draws after which the run ends, complete or not."""
        return TRIES_PER_CRYSTAL * self.request.n + MIN_TRIES

    def _run(self) -> Iterator[Candidate]:
        seen = SeenCrystals()
        for crystal in self.progress.crystals if self.progress else ():
            seen.remember(crystal)
        tally = self.tally
        if tally.unique >= self.request.n:
            return
        n_done = tally.drawn - draws_of(block_of(tally.drawn)).start
        blocks = self._blocks() if self.workers == 1 else self._blocks_of_workers()
        for outcome in islice(chain.from_iterable(blocks), n_done, None):
            tally.drawn += 1
            tally.redrawn += outcome.redrawn
            if outcome.fault or outcome.candidate is None:
                tally.rejected[outcome.fault or "species"] += 1
            else:
                tally.valid += 1
                if seen.add(outcome.candidate.crystal):
                    tally.unique += 1
                    self._drawn.add(outcome.candidate.index, outcome.candidate.crystal)
                    yield outcome.candidate
                else:
                    tally.rejected["duplicate"] += 1
            is_hopeless = not tally.valid and tally.drawn >= MIN_TRIES
            if is_hopeless or tally.unique >= self.request.n:
                return
            if tally.drawn >= self.cap:
                return

    def _tasks(self) -> Iterator[range]:
        """Numbers of the blocks of one task after the other."""
        size = ceil(self.batch_size / DRAWS_PER_BLOCK)
        first = block_of(self.tally.drawn)
        while True:
            # blocks that know others come one by one
            end = max(min(first + size, FIRST_TO_KNOW), first + 1)
            yield range(first, end)
            first = end

    def _known_to(self, blocks: range) -> UInt64[np.ndarray, " crystals"]:
        """What the blocks of a task are not to draw again."""
        # what is asked for exactly shall come in as many geometries as it may have
        is_varied = self.request.vary_geometry or self.weights.has_one_element
        if is_varied or self._source.constraints:
            return np.zeros(0, dtype=np.uint64)
        return self._drawn.known_to(blocks[-1])

    def _blocks(self) -> Iterator[list[Outcome]]:
        for blocks in self._tasks():
            known = self._known_to(blocks)
            yield run_blocks(self.weights, self._source, self.seed, blocks, known)

    def _blocks_of_workers(self) -> Iterator[list[Outcome]]:
        """The same blocks in the same order, drawn by several processes."""
        with ProcessPoolExecutor(
            self.workers,
            mp_context=get_context("spawn"),
            initializer=_start_worker,
            initargs=(self.checkpoint, str(self.weights.device), self.request),
        ) as pool:
            ahead: deque[tuple[range, Future[list[Outcome]]]] = deque()
            tasks = self._tasks()
            blocks = next(tasks)
            n_done = blocks.start
            try:
                while True:
                    while n_known_blocks(blocks[-1]) <= n_done and self._wants_more(
                        [len(draws) for draws, _ in ahead]
                    ):
                        known = self._known_to(blocks)
                        result = pool.submit(_work, self.seed, blocks, known)
                        draws = range(
                            draws_of(blocks[0]).start, draws_of(blocks[-1]).stop
                        )
                        ahead.append((draws, result))
                        blocks = next(tasks)
                    draws, result = ahead.popleft()
                    yield result.result()
                    n_done = block_of(draws.stop)
            finally:
                pool.shutdown(wait=False, cancel_futures=True)

    def _wants_more(self, ahead: list[int]) -> bool:
        """Whether to begin another task.

        Workers are kept busy, but not for draws that are one too many, as far as those
        before tell.

        Args:
            ahead: Draws of each task that is under way.
        """
        tally = self.tally
        share = tally.unique / tally.drawn if tally.drawn else 1.0
        is_enough = sum(ahead) * share >= self.request.n - tally.unique
        return len(ahead) < 2 * self.workers and not is_enough


def run_blocks(
    weights: Weights,
    source: TemplateSource,
    seed: int,
    blocks: Iterable[int],
    known: UInt64[np.ndarray, " crystals"] | None = None,
) -> list[Outcome]:
    """Draw some blocks of a run; a pure function of its arguments.

    Args:
        weights: Trained networks.
        source: Of the templates.
        seed: Of the run.
        blocks: Their numbers.
        known: Digests of protostructures that are not to be drawn again.
    """
    outcomes: list[Outcome] = []
    drawn_before = frozenset([] if known is None else known.tolist())
    for block in blocks:
        templates = source.draw(seed, np.array(draws_of(block)))
        outcomes += _draw_until_valid(weights, source, seed, templates, drawn_before)
    return outcomes


def _draw_until_valid(
    weights: Weights,
    source: TemplateSource,
    seed: int,
    templates: TemplateDraw,
    drawn_before: AbstractSet[int],
) -> list[Outcome]:
    """Draw one block, and again with other templates where nothing succeeded."""
    request = source.request
    outcomes: list[Outcome] = []
    failed = places = np.arange(len(templates.draws))
    for renewal in range(RENEWALS + 1):
        if renewal:
            templates = source.draw_again(seed, templates, failed, renewal=renewal)
            places = places[failed]
        drawn = draw_block(
            weights,
            templates,
            seed=seed,
            temperature=request.temperature,
            rounds=ROUNDS,
            renewal=renewal,
            allow_known=request.allow_known or weights.has_one_element,
            drawn_before=drawn_before,
            vary_geometry=request.vary_geometry or weights.has_one_element,
            constraints=source.constraints,
            is_group_asked=request.asks_for_symmetry,
            choices=request.choices,
            min_stability=request.min_stability,
        )
        for place, outcome in zip(places.tolist(), drawn, strict=True):
            if renewal:
                earlier = outcomes[place]
                earlier.redrawn[earlier.fault] += 1
                outcome.redrawn.update(earlier.redrawn)
                outcomes[place] = outcome
            else:
                outcomes.append(outcome)
        failed = np.flatnonzero([bool(outcome.fault) for outcome in drawn])
        if not len(failed):
            break
    return outcomes


_worker: list[tuple[Weights, TemplateSource]] = []


def _start_worker(checkpoint: Path | None, device: str, request: Request) -> None:
    # Ctrl-C is the parent's matter, which keeps what is finished
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)
    keep_freed_memory()
    weights = load_weights(checkpoint, device=device)
    _worker.append((weights, TemplateSource(weights=weights, request=request)))


def _work(
    seed: int, blocks: range, known: UInt64[np.ndarray, " crystals"]
) -> list[Outcome]:
    weights, source = _worker[0]
    return run_blocks(weights, source, seed, blocks, known)
