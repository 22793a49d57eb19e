"""What the networks draw when nothing is checked or drawn again.

    python benchmarks/raw_draws.py [--n 1000] [--seed 0] [--checkpoint FILE]

Each draw is made once and counted whatever comes of it: no redraw, no rejection, no
removal of duplicates. Prints the faults that generation would have found and
LeMat-GenBench's validity of all draws.
"""

import argparse
import json
from collections import Counter
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.progress import track

from crystalgen.errors import GeometryError
from crystalgen.evaluation.validity import judge
from crystalgen.generation import Generator, Request
from crystalgen.generation.drawing import DRAWS_PER_BLOCK, draw_block
from crystalgen.generation.templates import TemplateSource
from crystalgen.representation.conversion import expand, to_structure
from crystalgen.symmetry.gate import check_geometry


def main() -> None:
    """Draw, judge, print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--checkpoint", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)  # small matrices: a second thread gains nothing
    weights = Generator.load(arguments.checkpoint).weights
    source = TemplateSource(weights=weights, request=Request(n=arguments.n))
    faults: Counter[str] = Counter()
    valid = strictly = neutral = 0
    blocks = range(0, arguments.n, DRAWS_PER_BLOCK)
    for first in track(blocks, "draw and judge", console=Console(stderr=True)):
        draws = np.arange(first, min(first + DRAWS_PER_BLOCK, arguments.n))
        templates = source.draw(arguments.seed, draws)
        for outcome in draw_block(
            weights,
            templates,
            seed=arguments.seed,
            temperature=1.0,
            attempts=1,
            allow_known=True,
        ):
            faults[outcome.fault or "none"] += 1
            candidate = outcome.candidate
            if candidate is None:
                continue
            neutral += candidate.is_neutral
            atoms = expand(candidate.crystal)
            try:
                check_geometry(atoms.lattice, atoms.frac_coords)
            except GeometryError:
                continue
            verdict = judge(to_structure(candidate.crystal))
            valid += verdict.is_valid
            strictly += verdict.is_valid_strictly
    result = {
        "weights": weights.sha256[:12],
        "n": arguments.n,
        "seed": arguments.seed,
        "faults": dict(faults),
        "usual oxidation states cancel %": round(100 * neutral / arguments.n, 1),
        "LeMat valid %": round(100 * valid / arguments.n, 1),
        "LeMat strictly valid %": round(100 * strictly / arguments.n, 1),
    }
    print(json.dumps(result, indent=2))  # noqa: T201


if __name__ == "__main__":
    main()
