"""Crystals per second, where the time goes, and how much memory it takes.

    python benchmarks/speed.py --n 100 1000 10000 100000 [--checkpoint FILE]

Runs `crystalgen generate` for each n as a user does, with the number of workers that it
chooses; and once more, up to n = `--most-by-stage`, in one fresh process with one
thread, where each stage is timed (see `stage_times.py`). Prints all figures as JSON and
writes them as tables to benchmarks/results/speed.md. Run it on an idle machine.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path

from rich.console import Console
from rich.progress import track

from command_line import run, shown_command
from stage_times import StageTimes, megabytes, stage_times

COMMAND = "from crystalgen.cli.app import app; app()"


@dataclass(frozen=True, slots=True, kw_only=True)
class EndToEnd:
    """What the command cost, from its start to its end."""

    n: int
    """Crystals written."""
    wall_s: float
    """By the clock on the wall, s."""
    cpu_s: float
    """Of all its processes, s."""
    peak_mb: float
    """Largest memory of one of its processes, MB."""


def main() -> None:
    """Run, print one JSON object, write the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, nargs="+", default=[100, 1000, 10_000])
    parser.add_argument("--most-by-stage", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--checkpoint", type=Path, help="else the weights inside")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/speed.md"))
    arguments = parser.parse_args()
    whole, stages = [], []
    for n in track(arguments.n, "generate", console=Console(stderr=True)):
        whole.append(end_to_end(n, arguments.seed, arguments.checkpoint))
        if n > arguments.most_by_stage:
            continue
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as fresh:
            task = fresh.submit(stage_times, n, arguments.seed, arguments.checkpoint)
            stages.append(task.result())
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(page(whole, stages), encoding="utf-8")
    result = {
        "machine": machine(),
        "seed": arguments.seed,
        "end to end": [asdict(each) for each in whole],
        "one process": [asdict(each) for each in stages],
    }
    print(json.dumps(result, indent=2))  # noqa: T201


def end_to_end(n: int, seed: int, checkpoint: Path | None) -> EndToEnd:
    """Run the command in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        words = [sys.executable, "-c", COMMAND, "generate", "--n", str(n)]
        words += ["--seed", str(seed), "--out", folder, "--json"]
        words += ["--checkpoint", str(checkpoint)] if checkpoint else []
        started = time.monotonic()
        with subprocess.Popen(words, stdout=subprocess.PIPE) as process:
            printed = process.stdout.read() if process.stdout else b""
            # of this process and those it waited for
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        wall_s = time.monotonic() - started
    if process.returncode:
        raise SystemExit(f"speed: crystalgen generate ended with {process.returncode}")
    return EndToEnd(
        n=json.loads(printed)["counts"]["written"],
        wall_s=wall_s,
        cpu_s=usage.ru_utime + usage.ru_stime,
        peak_mb=megabytes(usage),
    )


def machine() -> str:
    """What it ran on, in words."""
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count()
    model = platform.processor() or platform.machine()
    cpu_info = Path("/proc/cpuinfo")
    if cpu_info.exists():
        lines = cpu_info.read_text(encoding="utf-8").splitlines()
        names = [line for line in lines if line.startswith("model name")]
        model = names[0].partition(":")[2].strip() if names else model
    return f"{cores} cores of {model}, Python {platform.python_version()}"


def page(whole: Sequence[EndToEnd], stages: Sequence[StageTimes]) -> str:
    """All figures as tables in Markdown."""
    total = [["crystals", "s", "crystals/s", "crystals per CPU second", "MB"]]
    for each in whole:
        rates = (each.n / each.wall_s, each.n / each.cpu_s)
        total.append(
            [
                f"{each.n:,}",
                f"{each.wall_s:.1f}",
                *(f"{rate:.1f}" for rate in rates),
                f"{each.peak_mb:.0f}",
            ]
        )
    return "\n".join(
        [
            "# Speed",
            "",
            f"`{shown_command()}` on {machine()}.",
            "",
            "The whole command with the workers that it chooses; memory is that of the "
            "largest process:",
            "",
            *markdown(total),
            "",
            *(by_stage(stages) if stages else ()),
        ]
    )


def by_stage(stages: Sequence[StageTimes]) -> list[str]:
    """The part of the page on runs of which each stage was timed, at least one."""
    return [
        "One process, one thread, stage by stage, each without the stages that it "
        "calls:",
        "",
        *markdown(stage_rows(stages)),
        "",
    ]


def stage_rows(stages: Sequence[StageTimes]) -> list[list[str]]:
    """The CPU time of each stage, and what they come to; a head comes first."""
    parts = [["CPU ms per crystal", *(f"n = {each.n:,}" for each in stages)]]
    for stage in stages[0].cpu_s:
        times = (1000 * each.cpu_s[stage] / each.n for each in stages)
        parts.append([stage, *(f"{value:.2f}" for value in times)])
    cpu = [sum(each.cpu_s.values()) for each in stages]
    pairs = list(zip(stages, cpu, strict=True))
    parts += [
        ["total", *(f"{1000 * spent / each.n:.2f}" for each, spent in pairs)],
        ["crystals per CPU second", *(f"{e.n / spent:.1f}" for e, spent in pairs)],
        ["crystals/s", *(f"{each.n / each.wall_s:.1f}" for each in stages)],
        ["draws per crystal", *(f"{each.drawn / each.n:.2f}" for each in stages)],
        ["MB", *(f"{each.peak_mb:.0f}" for each in stages)],
    ]
    return parts


def markdown(rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a table whose first row is its head."""
    rule = ["---", *["--:"] * (len(rows[0]) - 1)]
    return [f"| {' | '.join(row)} |" for row in (rows[0], rule, *rows[1:])]


if __name__ == "__main__":
    run(main)
