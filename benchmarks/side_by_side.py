"""Our crystals and those of peers, made and judged in one run with the same code.

    pip install ".[evaluate,tables]"
    python benchmarks/side_by_side.py --train TRAIN --reference TEST --real VAL \
        --n 1000 --seed 0 --coverage --out benchmarks/results

TRAIN, TEST and VAL are caches written by `crystalgen data build`. Writes a page with
the table, all figures as JSON, and plots; no crystals.
"""

import argparse
import json
import platform
import shlex
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from command_line import run
from crystalgen.datasets.cache import read_cache
from crystalgen.datasets.pool import available_cores
from crystalgen.evaluation.coverage import featurizers
from crystalgen.export.run_folder import read_manifest
from judging import Outcome, describe_yardstick, judge_set
from peers.made import Made
from peers.own import generated, unchecked
from peers.pyxtal_random import is_installed, pyxtal_random
from peers.real import chosen, real
from plots import draw_plots
from results_page import Run, as_json, page, table

WIDTH = 120
"""Columns of the printed table, also where nobody looks."""


def main() -> None:
    """Make the sets, judge them, write the results."""
    compare(parse())


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--train", type=Path, required=True, help="a cache")
    parser.add_argument("--reference", type=Path, required=True, help="a cache")
    parser.add_argument("--real", type=Path, help="a cache of real crystals to judge")
    parser.add_argument("--n", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--checkpoint", type=Path, help="else the weights inside")
    parser.add_argument("--coverage", action="store_true", help="COV-R, COV-P: slow")
    parser.add_argument("--workers", type=int, default=available_cores())
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    arguments = parser.parse_args()
    if not is_installed():
        parser.error('PyXtal is not installed; pip install "crystalgen-dvae[tables]"')
    for option in ("n", "workers"):
        if getattr(arguments, option) < 1:
            parser.error(f"--{option}: expected 1 or more")
    return arguments


def compare(arguments: argparse.Namespace) -> None:
    """Make the sets, judge them, write the results.

    Raises:
        CrystalgenError: A cache cannot be read, or crystals cannot be judged.
    """
    console = Console(stderr=True)
    if arguments.coverage:
        featurizers()  # before anything that takes time
    sets, weights = make_sets(arguments, console)
    for made in sets:
        if not made.items:
            raise SystemExit(f"{made.name}: no crystal was made: {made.failures}")
    workers = arguments.workers
    yardstick = describe_yardstick(
        arguments.train,
        arguments.reference,
        with_coverage=arguments.coverage,
        n_workers=workers,
        console=console,
    )
    outcomes = [
        judge_set(made, yardstick, n_workers=workers, console=console) for made in sets
    ]
    run = Run(
        command=command(),
        n=arguments.n,
        seed=arguments.seed,
        weights=weights,
        n_reference=len(yardstick.traits),
        n_train=yardstick.known.n,
        machine=processor(),
    )
    arguments.out.mkdir(parents=True, exist_ok=True)
    figures = json.dumps(as_json(outcomes, run), indent=1, ensure_ascii=False)
    (arguments.out / "side_by_side.json").write_text(figures + "\n", encoding="utf-8")
    (arguments.out / "README.md").write_text(page(outcomes, run), encoding="utf-8")
    draw_plots(arguments.out, outcomes, yardstick.traits)
    show(outcomes)


def make_sets(
    arguments: argparse.Namespace, console: Console
) -> tuple[list[Made], str]:
    """All sets, ours first, and the start of the SHA-256 of our weights."""
    # imported here: it imports torch, which processes of other recipes would pay for
    from peers.substitution import substitution

    n, seed, workers = arguments.n, arguments.seed, arguments.workers
    reference = chosen(read_cache(arguments.reference)[0], n, seed=seed)
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        sets = [generated(run, n, seed=seed, checkpoint=arguments.checkpoint)]
        weights = read_manifest(run).weights_sha256[:12]
    sets += [
        unchecked(
            n,
            seed=seed,
            checkpoint=arguments.checkpoint,
            n_workers=workers,
            console=console,
        ),
        pyxtal_random(reference, seed=seed, n_workers=workers, console=console),
        substitution(arguments.train, n, seed=seed, n_workers=workers, console=console),
    ]
    if arguments.real:
        sets.append(real(chosen(read_cache(arguments.real)[0], n, seed=seed)))
    return sets, weights


def command() -> str:
    """What was typed, files by their names alone."""
    words = [
        Path(word).name if Path(word).is_absolute() else word for word in sys.argv[1:]
    ]
    return shlex.join(["python", "benchmarks/side_by_side.py", *words])


def processor() -> str:
    """The name of the processor, or of its kind."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.is_file() else []
    names = [line.split(":")[1].strip() for line in lines if "model name" in line]
    return names[0] if names else platform.machine()


def show(outcomes: Sequence[Outcome]) -> None:
    """Print the table."""
    rows = table(outcomes)
    shown = Table(*rows[0])
    for row in rows[1:]:
        shown.add_row(*row)
    Console(width=max(Console().width, WIDTH)).print(shown)


if __name__ == "__main__":
    run(main)
