"""Where the CPU time of `crystalgen generate` goes, stage by stage, in one process.

Functions of the library are wrapped from outside. A stage is charged for its own time
only, not for stages that it calls, so the stages add up to the total. Time is that of
the CPU, which a busy machine stretches less than the clock on the wall.
"""

import contextlib
import functools
import io
import json
import resource
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
ResultT = TypeVar("ResultT")

IMPORT, REST, DISK = "import", "rest", "write: threads that sync files"
CHECKS = "crystalgen.generation.checks"
COMPOSITION = "crystalgen.generation.composition"
STAGES: Mapping[str, tuple[str, ...]] = {
    "load weights": ("crystalgen.generation.generator:load_weights",),
    "draw templates": (
        "crystalgen.generation.templates:TemplateSource.draw",
        "crystalgen.generation.templates:TemplateSource.draw_again",
    ),
    "draw noise": ("crystalgen.generation.noise:row_noise",),
    "draw species": ("crystalgen.generation.species_rounds:choose_species",),
    "check charges": (f"{COMPOSITION}:is_neutral",),
    "check whether known": (f"{COMPOSITION}:label_of",),
    "draw geometry": ("crystalgen.generation.decoding:draw_geometry",),
    "decode geometry": ("crystalgen.generation.decoding:decode_geometry",),
    "relax": ("crystalgen.generation.relaxation:relax",),
    "move apart": ("crystalgen.generation.separation:separate",),
    "verify: expand": (f"{CHECKS}:expand",),
    "verify: numeric gate": (
        f"{CHECKS}:check_cell",
        "crystalgen.symmetry.detection:check_geometry",
    ),
    "verify: contacts": (f"{CHECKS}:are_contacts_sane",),
    "verify: group": (f"{CHECKS}:is_group_found",),
    "verify: duplicates": ("crystalgen.generation.duplicates:SeenCrystals.add",),
    "write: CIF": ("crystalgen.export.texts:cif_text",),
    "write: read CIF back": ("crystalgen.export.texts:check_cif",),
    "write: record": ("crystalgen.export.writer:to_line",),
    "write: files": (
        "crystalgen.export.writer:RunWriter.add",
        "crystalgen.export.writer:RunWriter.finish",
    ),
}
"""Functions of each stage, as ``module:name``, where some caller finds them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageTimes:
    """What one run in one process cost."""

    n: int
    """Crystals written."""
    drawn: int
    """Draws that this took."""
    cpu_s: Mapping[str, float]
    """CPU time of each stage, s; they add up to that of the process."""
    calls: Mapping[str, int]
    """Calls of the functions of each stage."""
    wall_s: float
    """By the clock on the wall, s."""
    peak_mb: float
    """Largest memory of the process, MB."""


class StageClock:
    """Charges CPU time of this thread to the innermost stage that is open."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self.calls: Counter[str] = Counter()
        self._open = [REST]
        self._since = time.thread_time()

    def enter(self, stage: str) -> None:
        """Open a stage inside the one that is open."""
        self.charge()
        self._open.append(stage)
        self.calls[stage] += 1

    def leave(self) -> None:
        """Close the innermost stage."""
        self.charge()
        self._open.pop()

    def charge(self) -> None:
        """Charge the time since the last change to the innermost stage."""
        now = time.thread_time()
        self.seconds[self._open[-1]] += now - self._since
        self._since = now

    def timed(self, stage: str, function: Callable[P, ResultT]) -> Callable[P, ResultT]:
        """The function, with its time charged to a stage."""

        @functools.wraps(function)
        def timed(*args: P.args, **kwargs: P.kwargs) -> ResultT:
            self.enter(stage)
            try:
                return function(*args, **kwargs)
            finally:
                self.leave()

        return timed


def stage_times(n: int, seed: int, checkpoint: Path | None) -> StageTimes:
    """Generate crystals in this process, which should be a fresh one."""
    clock, started = StageClock(), time.monotonic()
    others = time.process_time() - time.thread_time()
    clock.enter(IMPORT)
    generate = import_module("crystalgen.cli.generate").generate
    for targets in STAGES.values():
        for target in targets:
            import_module(target.partition(":")[0])
    clock.leave()
    for stage, targets in STAGES.items():
        for target in targets:
            wrap(clock, stage, target)
    printed = io.StringIO()
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(printed):
        generate(
            n=n,
            out=Path(folder),
            seed=seed,
            checkpoint=checkpoint,
            workers=1,
            as_json=True,
        )
        clock.charge()  # what is left, but not the removal of the folder
        wall_s = time.monotonic() - started
    counts = json.loads(printed.getvalue())["counts"]
    threads = time.process_time() - time.thread_time() - others
    order = [IMPORT, *STAGES, REST]
    return StageTimes(
        n=counts["written"],
        drawn=counts["drawn"],
        cpu_s={**{stage: clock.seconds[stage] for stage in order}, DISK: threads},
        calls={stage: clock.calls[stage] for stage in STAGES},
        wall_s=wall_s,
        peak_mb=megabytes(resource.getrusage(resource.RUSAGE_SELF)),
    )


def wrap(clock: StageClock, stage: str, target: str) -> None:
    """Time a function or method wherever the package has it by name."""
    module_name, _, name = target.partition(":")
    module = import_module(module_name)
    owner, _, attribute = name.rpartition(".")
    if owner:
        holder = getattr(module, owner)
        setattr(holder, attribute, clock.timed(stage, getattr(holder, attribute)))
        return
    original = getattr(module, attribute)
    timed = clock.timed(stage, original)
    for loaded_name, loaded in list(sys.modules.items()):
        if loaded_name.split(".")[0] != "crystalgen":
            continue
        for alias, value in list(vars(loaded).items()):
            if value is original:
                setattr(loaded, alias, timed)


def megabytes(usage: resource.struct_rusage) -> float:
    """Largest memory of a process; Linux counts in kB, macOS in bytes."""
    return usage.ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)
