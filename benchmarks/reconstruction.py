"""How well crystals survive their codes: decode(encode(x)) against x.

    crystalgen data build test.csv.gz --out test.safetensors
    python benchmarks/reconstruction.py test.safetensors [--checkpoint FILE] [--n N]

The decoder reads the space group, the Wyckoff letters, which orbits share an element
and the codes; species, cell and coordinates come from the codes. No training crystal is
consulted. The codes are those of `crystalgen encode`: the most probable ones, or others
that are decoded nearer to the crystal; with --rounds 0, the most probable ones.

A match is `StructureMatcher(stol=0.5, angle_tol=10, ltol=0.3)`, the CDVAE protocol, on
the reconstruction as it is decoded, species and all.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.progress import track

from command_line import run
from crystalgen.datasets.cache import read_cache
from crystalgen.datasets.pool import Lost, available_cores, survive_map
from crystalgen.evaluation.reconstruction import matches, rms_distance
from crystalgen.generation import Generator
from crystalgen.generation.code_search import SEARCH_ROUNDS
from crystalgen.generation.encoding import decode, encode
from crystalgen.generation.weights import Weights
from crystalgen.representation.conversion import to_structure
from crystalgen.representation.crystal import SymmetricCrystal

BATCH = 64
ORBITS = ((1, 2), (3, 4), (5, 8), (9, 20))

Pair = tuple[SymmetricCrystal, SymmetricCrystal]


def main() -> None:
    """Reconstruct, compare, print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cache", type=Path)
    parser.add_argument("--checkpoint", type=Path)
    parser.add_argument("--n", type=int, help="only the first N crystals")
    parser.add_argument("--rounds", type=int, default=SEARCH_ROUNDS)
    parser.add_argument("--workers", type=int, default=available_cores())
    arguments = parser.parse_args()
    torch.set_num_threads(1)  # small matrices: a second thread gains nothing
    weights = Generator.load(arguments.checkpoint).weights
    table, _ = read_cache(arguments.cache)
    truth = [table.crystal(index) for index in range(len(table))][: arguments.n]
    pairs = reconstructed(weights, truth, rounds=arguments.rounds)
    results = survive_map(distance, pairs, n_workers=arguments.workers)
    bar = track(results, "compare", total=len(pairs), console=Console(stderr=True))
    rms = np.array([np.inf if isinstance(each, Lost) else each for each in bar])
    found = matches(rms)
    result = {
        "weights": weights.sha256[:12],
        "n": len(truth),
        "rounds of search": arguments.rounds,
        "species accuracy %": round(100 * species_accuracy(pairs), 2),
        "match %": round(found.matched.percent, 2),
        "mean rms": round(found.rmse, 4),
        "match % by orbits": match_by_orbits(pairs, np.isfinite(rms)),
    }
    print(json.dumps(result, indent=2))  # noqa: T201


def reconstructed(
    weights: Weights, truth: list[SymmetricCrystal], *, rounds: int
) -> list[Pair]:
    """Each crystal and what its codes are decoded to."""
    pairs: list[Pair] = []
    for start in range(0, len(truth), BATCH):
        batch = truth[start : start + BATCH]
        made = decode(weights, batch, encode(weights, batch, rounds=rounds))
        pairs += zip(batch, made, strict=True)
    return pairs


def distance(pair: Pair) -> float:
    """Normalised rms distance of two crystals; inf if they do not match."""
    true, made = map(to_structure, pair)
    return rms_distance(made, true)


def species_accuracy(pairs: list[Pair]) -> float:
    """Share of the distinct elements of all crystals that are decoded right."""
    roles = [set(zip(true.species, made.species, strict=True)) for true, made in pairs]
    return float(np.mean([a == b for each in roles for a, b in each]))


def match_by_orbits(pairs: list[Pair], matched: np.ndarray) -> dict[str, float]:
    """Share of matches among crystals of like size, in percent."""
    n_orbits = np.array([true.n_orbits for true, _ in pairs])
    return {
        f"{low}-{high}": round(100 * float(matched[fits].mean()), 1)
        for low, high in ORBITS
        if (fits := (n_orbits >= low) & (n_orbits <= high)).any()
    }


if __name__ == "__main__":
    run(main)
