"""How walks between crystals turn out: what is written, left out, and refused.

    crystalgen data build val.csv.gz --out val.safetensors
    python benchmarks/walks.py val.safetensors --n 100 [--same-template] [--seed S]

Pairs are drawn at random, or, with --same-template, among crystals that share group,
positions and roles with another one. Every crystal that is written is judged again by
the definitions of `crystalgen evaluate`, which are not those of the checks inside.
"""

import argparse
import json
import time
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.progress import track

from command_line import run
from crystalgen.datasets.cache import read_cache
from crystalgen.errors import CrystalgenError
from crystalgen.evaluation.assessment import assess
from crystalgen.evaluation.groups import GroupMatch
from crystalgen.generation.weights import load_weights
from crystalgen.latent import interpolate
from crystalgen.latent.path import template_of
from crystalgen.latent.steps import Walk
from crystalgen.representation.conversion import to_structure
from crystalgen.representation.crystal import SymmetricCrystal

Pair = tuple[SymmetricCrystal, SymmetricCrystal]


def main() -> None:
    """Walk, judge, print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cache", type=Path)
    parser.add_argument("--checkpoint", type=Path)
    parser.add_argument("--n", type=int, default=100, help="pairs")
    parser.add_argument("--steps", type=int, default=9)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--same-template", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(1)  # small matrices: a second thread gains nothing
    weights = load_weights(arguments.checkpoint)
    table, _ = read_cache(arguments.cache)
    crystals = [table.crystal(index) for index in range(len(table))]
    pairs = draw_pairs(
        crystals, arguments.n, seed=arguments.seed, is_same=arguments.same_template
    )
    walks: list[Walk] = []
    refused: Counter[str] = Counter()
    started = time.monotonic()
    for one, two in track(pairs, "walk", console=Console(stderr=True)):
        try:
            walks.append(interpolate(weights, one, two, steps=arguments.steps))
        except CrystalgenError as error:
            refused["same crystal" if "same" in str(error) else "an end fails"] += 1
    seconds = time.monotonic() - started
    result = {
        "weights": weights.sha256[:12],
        "pairs": len(pairs),
        "seed": arguments.seed,
        "same template": arguments.same_template,
        "refused": dict(refused),
        "seconds per pair": round(seconds / len(pairs), 3),
        **figures(walks),
    }
    print(json.dumps(result, indent=2))  # noqa: T201


def draw_pairs(
    crystals: list[SymmetricCrystal], n: int, *, seed: int, is_same: bool
) -> list[Pair]:
    """Random pairs of different crystals, all or of one template each."""
    groups: defaultdict[object, list[SymmetricCrystal]] = defaultdict(list)
    for crystal in crystals:
        groups[template_of(crystal) if is_same else None].append(crystal)
    shared = [group for group in groups.values() if len(group) > 1]
    sizes = np.array([len(group) for group in shared])
    rng = np.random.default_rng(seed)
    chosen = rng.choice(len(shared), size=n, p=sizes / sizes.sum())
    pairs: list[Pair] = []
    for place in chosen.tolist():
        first, second = rng.choice(len(shared[place]), size=2, replace=False).tolist()
        pairs.append((shared[place][first], shared[place][second]))
    return pairs


def figures(walks: list[Walk]) -> dict[str, object]:
    """Counts over all walks, and verdicts on the crystals between their ends."""
    sizes = [len(walk.steps) for walk in walks]
    faults = sum((walk.faults for walk in walks), Counter[str]())
    inner = [crystal for walk in walks for crystal in walk.crystals[1:-1]]
    ends = [each for walk in walks for each in (walk.crystals[0], walk.crystals[-1])]
    steps = [step for walk in walks for step in walk.steps]
    return {
        "crystals per walk, mean": round(float(np.mean(sizes)), 2),
        "walks of two ends only": sizes.count(2),
        "left out": dict(faults.most_common()),
        "atoms moved apart %": percent([step.is_mended for step in steps]),
        "between the ends": verdicts(inner),
        "ends": verdicts(ends),
    }


def verdicts(crystals: list[SymmetricCrystal]) -> dict[str, float]:
    """Share of crystals that pass the definitions of `crystalgen evaluate`."""
    found = [
        assess(
            crystal.formula,
            to_structure(crystal),
            asked_group=crystal.space_group,
            crystal=crystal,
        )
        for crystal in track(crystals, "judge", console=Console(stderr=True))
    ]
    return {
        "n": len(found),
        "LeMat valid %": percent([each.verdict.is_valid for each in found]),
        "group kept %": percent(
            [each.group_matches[0] is GroupMatch.KEPT for each in found]
        ),
    }


def percent(passed: list[bool]) -> float:
    """Share of True, in percent."""
    return round(100 * float(np.mean(passed)), 1) if passed else float("nan")


if __name__ == "__main__":
    run(main)
