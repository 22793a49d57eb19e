"""Geometry given the rest: the true group, Wyckoff letters and species.

    crystalgen data build mp-20 --split val --out val.safetensors
    python benchmarks/geometry.py val.safetensors [--n 1000] [--seed 0] [--samples 20]
        [--checkpoint FILE] [--baseline TRAIN.safetensors]
        [--compare until-matched]

The first sample is the most likely geometry, with no codes; of the others every second
one starts from random coordinates (`crystalgen/generation/scattering.py`), and the rest
have codes drawn from the prior at temperature 1. None is checked or drawn again. A
match is that of `crystalgen.evaluation.reconstruction`; crystals are a random choice.

By far the most time goes into comparing samples with crystals that an earlier sample
matched. It finds the closest of all samples, which only the last two figures tell of:
with --compare until-matched it is left out, and all other figures are the same.

With --baseline, nothing is drawn: the samples are copies of the nearest training
crystals, with the true species in their places (`nearest_geometry.py`).
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import torch
from jaxtyping import Float, Int
from pymatgen.core import Structure
from rich.console import Console
from rich.progress import track

from command_line import run
from crystalgen.datasets.cache import read_cache
from crystalgen.datasets.pool import Lost, available_cores, survive_map
from crystalgen.errors import GeometryError
from crystalgen.evaluation.reconstruction import best_of, matches, rms_distance
from crystalgen.generation import Generator
from crystalgen.generation.decoding import GeometryDraw, assemble, draw_geometry
from crystalgen.generation.encoding import templates_of
from crystalgen.generation.noise import Purpose, row_noise, row_uniform
from crystalgen.generation.scattering import NOISE_SHAPE, scatter_geometry
from crystalgen.generation.weights import Weights
from crystalgen.representation.conversion import to_structure
from crystalgen.representation.crystal import SymmetricCrystal
from crystalgen.representation.prototype import Prototype
from nearest_geometry import copied

BATCH = 128
TIMEOUT_S = 300.0
ORBITS = ((1, 2), (3, 4), (5, 8), (9, 20))
"""Numbers of orbits that are counted together, from and to."""
SEEN = ((0, 0), (1, 1), (2, 3), (4, 15), (16, None))
"""Numbers of training crystals with the prototype, likewise."""
BEST_OF = (5, 10, 20, 50, 100)

Compare = Literal["all", "until-matched"]
"""Which samples are compared: all, or those up to the first match."""

Json = float | str | dict[str, "Json"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A true crystal, and the geometries that were made for it."""

    truth: SymmetricCrystal
    made: tuple[SymmetricCrystal, ...]


def main() -> None:
    """Draw or copy, compare, print one JSON object."""
    arguments = parsed()
    torch.set_num_threads(1)  # small matrices: a second thread gains nothing
    weights = Generator.load(arguments.checkpoint).weights
    table, _ = read_cache(arguments.cache)
    order = np.random.default_rng(arguments.seed).permutation(len(table))
    truths = [table.crystal(int(row)) for row in order[: arguments.n]]
    if arguments.baseline is None:
        tasks = drawn(weights, truths, seed=arguments.seed, samples=arguments.samples)
    else:
        training, _ = read_cache(arguments.baseline)
        known = [training.crystal(row) for row in range(len(training))]
        nearest = copied(known, truths, samples=arguments.samples)
        tasks = (
            Task(truth=truth, made=tuple(made))
            for truth, made in zip(truths, nearest, strict=True)
        )
    results = survive_map(
        partial(distances, compare=arguments.compare),
        tasks,
        n_workers=arguments.workers,
        timeout_s=TIMEOUT_S,
    )
    bar = track(results, "compare", total=len(truths), console=Console(stderr=True))
    found = np.full((len(truths), arguments.samples), np.inf)
    for row, each in enumerate(bar):
        if not isinstance(each, Lost):
            found[row, : len(each)] = each
    result = {
        "weights": weights.sha256[:12],
        "cache": arguments.cache.name,
        "geometry": "drawn" if arguments.baseline is None else "copied",
        "n": len(truths),
        "seed": arguments.seed,
        "samples": arguments.samples,
        **figures(found),
        **(closest(found) if arguments.compare == "all" else {}),
        "by orbits": grouped(found, [each.n_orbits for each in truths], ORBITS),
        "by times seen": grouped(found, times_seen(weights, truths), SEEN),
    }
    print(json.dumps(result, indent=2))  # noqa: T201


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cache", type=Path)
    parser.add_argument("--n", type=int, default=1000, help="crystals, drawn at random")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--samples", type=int, default=20, help="geometries for each")
    parser.add_argument("--checkpoint", type=Path)
    parser.add_argument("--baseline", type=Path, help="cache to copy geometries from")
    parser.add_argument("--compare", choices=get_args(Compare), default="all")
    parser.add_argument("--workers", type=int, default=available_cores())
    return parser.parse_args()


def drawn(
    weights: Weights, truths: Sequence[SymmetricCrystal], *, seed: int, samples: int
) -> Iterator[Task]:
    """Draw geometries in batches, as asked for."""
    for start in range(0, len(truths), BATCH):
        crystals = truths[start : start + BATCH]
        rows = np.arange(start, start + len(crystals))
        made = [
            draw(weights, crystals, rows, seed=seed, sample=sample)
            for sample in range(samples)
        ]
        for truth, *geometries in zip(crystals, *made, strict=True):
            yield Task(truth=truth, made=tuple(geometries))


@torch.inference_mode()
def draw(
    weights: Weights,
    crystals: Sequence[SymmetricCrystal],
    rows: Int[np.ndarray, " crystals"],
    *,
    seed: int,
    sample: int,
) -> list[SymmetricCrystal]:
    """One geometry for each crystal, the most likely one if the sample is number 0."""
    prototypes, templates = templates_of(weights, crystals)
    n_tokens = 1 + int(weights.networks.coded_orbits(templates).sum(dim=1).max())
    noise = row_noise(
        seed,
        rows,
        (n_tokens, *weights.config.geometry_codes),
        attempt=sample,
        purpose=Purpose.GEOMETRY,
    ).to(weights.device)
    species = torch.zeros(
        len(crystals), int(templates.role.max()) + 1, dtype=torch.long
    )
    for place, crystal in enumerate(crystals):
        elements = tuple(dict.fromkeys(crystal.species))
        species[place, : len(elements)] = torch.tensor(elements)
    if sample % 2 and weights.networks.relaxer is not None:
        geometry = scatter_geometry(
            weights.networks,
            templates,
            species.to(weights.device),
            row_uniform(
                seed,
                rows,
                (1 + templates.position.shape[1], *NOISE_SHAPE),
                attempt=sample,
                purpose=Purpose.GEOMETRY,
            ),
            weights.distance_limits,
        )
        return assembled(prototypes, species, geometry)
    geometry = draw_geometry(
        weights.networks,
        templates,
        species.to(weights.device),
        noise,
        temperature=1.0,
        is_coded=torch.full((len(crystals),), sample > 0, device=weights.device),
    )
    return assembled(prototypes, species, geometry)


def assembled(
    prototypes: Sequence[Prototype],
    species: Int[torch.Tensor, "crystals roles"],
    geometry: GeometryDraw,
) -> list[SymmetricCrystal]:
    """Crystals of a draw."""
    return [
        assemble(
            prototype,
            species[place].tolist(),
            geometry.coords[place],
            geometry.lattice_parameters[place],
        )
        for place, prototype in enumerate(prototypes)
    ]


def distances(task: Task, *, compare: Compare) -> list[float]:
    """How far each geometry is from the true one; equal ones are compared once.

    Args:
        task: The true crystal and its geometries.
        compare: Where to end: those after it are missing.
    """
    truth = to_structure(task.truth)
    known: dict[bytes, float] = {}
    found = []
    for each in task.made:
        geometry = np.concatenate([each.lattice_parameters, each.free_coords.ravel()])
        key = geometry.round(6).tobytes()
        if key not in known:
            known[key] = distance(each, truth)
        found.append(known[key])
        if compare == "until-matched" and np.isfinite(found[-1]):
            break
    return found


def distance(made: SymmetricCrystal, truth: Structure) -> float:
    """Normalised rms distance of two crystals; inf if they do not match."""
    try:
        structure = to_structure(made)
    except GeometryError:  # its angles close no cell
        return np.inf
    return rms_distance(structure, truth)


def times_seen(weights: Weights, truths: Sequence[SymmetricCrystal]) -> list[int]:
    """Crystals of the training data with the prototype of each."""
    index, count = weights.vocabulary.index, weights.vocabulary.count
    prototypes, _ = templates_of(weights, truths)
    rows = [index.get(prototype) for prototype in prototypes]
    return [0 if row is None else int(count[row]) for row in rows]


def figures(found: Float[np.ndarray, "crystals samples"]) -> dict[str, Json]:
    """Match rates of the first few samples and the distance of the first one."""
    samples = found.shape[1]
    first = matches(best_of(found, 1))
    return {
        "top-1 %": round(first.matched.percent, 2),
        "top-1 RMSE": round(first.rmse, 4),
        "best of k %": {
            str(k): round(matches(best_of(found, k)).matched.percent, 2)
            for k in sorted({*BEST_OF, samples})
            if 1 < k <= samples
        },
    }


def closest(found: Float[np.ndarray, "crystals samples"]) -> dict[str, Json]:
    """Distances of the closest of all samples."""
    best = matches(best_of(found, found.shape[1]))
    return {"best RMSE": round(best.rmse, 4), "best cRMSE": round(best.crmse, 4)}


def grouped(
    found: Float[np.ndarray, "crystals samples"],
    sizes: Sequence[int],
    ranges: Sequence[tuple[int, int | None]],
) -> dict[str, Json]:
    """Match rates of crystals whose size lies in each range."""
    rates: dict[str, Json] = {}
    of_crystal = np.array(sizes)
    for low, high in ranges:
        fits = (of_crystal >= low) & (of_crystal <= (np.inf if high is None else high))
        name = (
            f"{low}+" if high is None else f"{low}-{high}" if high > low else f"{low}"
        )
        some = found[fits]
        if len(some):
            first, best = (matches(best_of(some, k)) for k in (1, found.shape[1]))
            rates[name] = {
                "n": len(some),
                "top-1 %": round(first.matched.percent, 1),
                "best %": round(best.matched.percent, 1),
            }
    return rates


if __name__ == "__main__":
    run(main)
