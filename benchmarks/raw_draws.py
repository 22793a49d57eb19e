"""What the networks draw when nothing is checked or drawn again.

    python benchmarks/raw_draws.py [--n 1000] [--seed 0] [--checkpoint FILE]

Each draw is made once and counted whatever comes of it: no redraw, no rejection, no
removal of duplicates. Prints the faults that generation would have found and
LeMat-GenBench's validity of all draws, also apart for prototypes never or once seen
in training and by the number of orbits.
"""

import argparse
import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.progress import track

from command_line import run
from crystalgen.errors import GeometryError
from crystalgen.evaluation.validity import Verdict, judge
from crystalgen.generation import Generator, Request
from crystalgen.generation.block import Outcome
from crystalgen.generation.block_sizes import DRAWS_PER_BLOCK
from crystalgen.generation.drawing import draw_block
from crystalgen.generation.templates import TemplateSource
from crystalgen.generation.weights import Weights
from crystalgen.representation.conversion import expand
from crystalgen.representation.prototype import Prototype
from crystalgen.symmetry.gate import check_geometry

ORBITS = ((1, 2), (3, 4), (5, 8), (9, 20))


@dataclass(frozen=True, slots=True, kw_only=True)
class RawDraw:
    """One draw that was made once."""

    prototype: Prototype
    """Its template."""
    outcome: Outcome
    """What became of it."""
    verdict: Verdict | None
    """Its validity; None if it has no geometry that can be judged."""


def main() -> None:
    """Draw, judge, print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--checkpoint", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)  # small matrices: a second thread gains nothing
    weights = Generator.load(arguments.checkpoint).weights
    faults: Counter[str] = Counter()
    valid = neutral = 0
    strictly: dict[str, list[bool]] = defaultdict(list)
    draws = raw_draws(weights, n=arguments.n, seed=arguments.seed)
    console = Console(stderr=True)
    for draw in track(draws, "draw and judge", total=arguments.n, console=console):
        outcome, verdict = draw.outcome, draw.verdict
        faults[outcome.fault or "none"] += 1
        valid += verdict is not None and verdict.is_valid
        neutral += outcome.candidate is not None and outcome.candidate.is_neutral
        for group in groups_of(draw.prototype, weights):
            passes = verdict is not None and verdict.is_valid_strictly
            strictly[group].append(passes)
    result = {
        "weights": weights.sha256[:12],
        "n": arguments.n,
        "seed": arguments.seed,
        "faults": dict(faults),
        "usual oxidation states cancel %": round(100 * neutral / arguments.n, 1),
        "LeMat valid %": round(100 * valid / arguments.n, 1),
        "LeMat strictly valid": {
            group: {"n": len(passes), "%": round(100 * float(np.mean(passes)), 1)}
            for group, passes in sorted(strictly.items())
        },
    }
    print(json.dumps(result, indent=2))  # noqa: T201


def raw_draws(weights: Weights, *, n: int, seed: int) -> Iterator[RawDraw]:
    """Make each draw once and judge whatever comes of it."""
    source = TemplateSource(weights=weights, request=Request(n=n))
    for first in range(0, n, DRAWS_PER_BLOCK):
        draws = np.arange(first, min(first + DRAWS_PER_BLOCK, n))
        templates = source.draw(seed, draws)
        outcomes = draw_block(
            weights,
            templates,
            seed=seed,
            temperature=1.0,
            rounds=1,
            allow_known=True,
        )
        for prototype, outcome in zip(templates.prototypes, outcomes, strict=True):
            yield RawDraw(
                prototype=prototype, outcome=outcome, verdict=verdict_of(outcome)
            )


def verdict_of(outcome: Outcome) -> Verdict | None:
    """Validity of a draw; None if it has no geometry that can be judged."""
    if outcome.candidate is None:
        return None
    atoms = expand(outcome.candidate.crystal)
    try:
        check_geometry(atoms.lattice, atoms.frac_coords)
    except GeometryError:
        return None
    return judge(outcome.candidate.structure)


def groups_of(prototype: Prototype, weights: Weights) -> Iterator[str]:
    """Which draws a template is counted with."""
    yield "all"
    row = weights.vocabulary.index.get(prototype)
    if row is None:
        yield "prototypes never seen in training"
    elif weights.vocabulary.count[row] == 1:
        yield "prototypes seen once"
    n_orbits = len(prototype.wyckoff)
    yield next(
        f"{low}-{high} orbits" for low, high in ORBITS if low <= n_orbits <= high
    )


if __name__ == "__main__":
    run(main)
