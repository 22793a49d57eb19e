"""Geometry given the rest: the true group, Wyckoff letters and species.

    crystalgen data build mp-20 --split val --out val.safetensors
    python benchmarks/geometry.py val.safetensors [--n 1000] [--seed 0] [--samples 20]
        [--checkpoint FILE] [--baseline TRAIN.safetensors]

The first sample is the most likely geometry, with no codes; the others have codes drawn
from the prior at temperature 1. None is checked or drawn again. A match is that of
`crystalgen.evaluation.reconstruction`; crystals are a random choice of the cache.

With --baseline, nothing is drawn: the samples are copies of the nearest training
crystals of the same group and letters, those of the same prototype first, with the true
species in their places. Near are crystals of like elements: the sum over roles of the
differences of Pauling electronegativity and of covalent radius (Cordero et al., 2008).
Lengths follow the mean cube of the radii, which no match depends on.
"""

import argparse
import json
import warnings
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from ase.data import covalent_radii
from jaxtyping import Float, Int
from pymatgen.core import Element, Structure
from rich.console import Console
from rich.progress import track

from crystalgen.datasets.cache import read_cache
from crystalgen.datasets.pool import Lost, available_cores, survive_map
from crystalgen.errors import GeometryError
from crystalgen.evaluation.reconstruction import best_of, matches, rms_distance
from crystalgen.generation import Generator
from crystalgen.generation.decoding import assemble, draw_geometry
from crystalgen.generation.encoding import templates_of
from crystalgen.generation.noise import Purpose, row_noise
from crystalgen.generation.weights import Weights
from crystalgen.representation.conversion import to_structure
from crystalgen.representation.crystal import SymmetricCrystal
from crystalgen.representation.elements import SYMBOLS
from crystalgen.representation.prototype import roles_of

BATCH = 128
TIMEOUT_S = 300.0
ORBITS = ((1, 2), (3, 4), (5, 8), (9, 20))
"""Numbers of orbits that are counted together, from and to."""
SEEN = ((0, 0), (1, 1), (2, 3), (4, 15), (16, None))
"""Numbers of training crystals with the prototype, likewise."""
BEST_OF = (5, 10, 20, 50, 100)

Json = float | str | dict[str, "Json"]


def _traits() -> Float[np.ndarray, "species 2"]:
    """Electronegativity (Pauling) and covalent radius (Å) by atomic number."""
    traits = np.zeros((len(SYMBOLS) + 1, 2))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of noble gases without electronegativity
        traits[1:, 0] = [Element(symbol).X for symbol in SYMBOLS]
    known = covalent_radii[: len(traits)]
    traits[: len(known), 1] = np.where(known > 0.2, known, 0)  # 0.2 is none
    return np.where(np.nan_to_num(traits) > 0, traits, (2.0, 1.5))


TRAITS = _traits()
"""What elements are compared by."""


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
        tasks = copied(known, truths, samples=arguments.samples)
    results = survive_map(
        distances, tasks, n_workers=arguments.workers, timeout_s=TIMEOUT_S
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
    """One geometry for each crystal; the most likely one if the sample is number 0."""
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
    geometry = draw_geometry(
        weights.networks,
        templates,
        species.to(weights.device),
        noise,
        temperature=1.0,
        is_coded=torch.full((len(crystals),), sample > 0, device=weights.device),
    )
    return [
        assemble(
            prototype,
            species[place].tolist(),
            geometry.coords[place],
            geometry.lattice_parameters[place],
        )
        for place, prototype in enumerate(prototypes)
    ]


def copied(
    known: Sequence[SymmetricCrystal],
    truths: Sequence[SymmetricCrystal],
    *,
    samples: int,
) -> Iterator[Task]:
    """Copy the geometries of the nearest known crystals, nearest first."""
    of_template: dict[str, list[SymmetricCrystal]] = defaultdict(list)
    for each in known:
        of_template[each.label].append(each)
    for truth in truths:
        near = sorted(of_template[truth.label], key=partial(remoteness, truth))
        made = tuple(copy(each, truth) for each in near[:samples])
        yield Task(truth=truth, made=made)


def remoteness(truth: SymmetricCrystal, other: SymmetricCrystal) -> tuple[bool, float]:
    """How unlike a crystal of the same template is: by prototype, then by elements."""
    exchanged = set(zip(truth.species, other.species, strict=True))
    gaps = [np.abs(TRAITS[a] - TRAITS[b]).sum() for a, b in exchanged]
    is_other = roles_of(truth.species) != roles_of(other.species)
    return is_other, float(sum(gaps))


def copy(other: SymmetricCrystal, truth: SymmetricCrystal) -> SymmetricCrystal:
    """The other crystal with the species of the true one, scaled by their radii."""
    sizes = np.array(truth.orbit_sizes)
    ours, theirs = (
        float(sizes @ TRAITS[list(each.species), 1] ** 3) for each in (truth, other)
    )
    parameters = other.lattice_parameters.copy()
    parameters[:3] *= (ours / theirs) ** (1 / 3)
    return replace(other, species=truth.species, lattice_parameters=parameters)


def distances(task: Task) -> list[float]:
    """How far each geometry is from the true one; equal ones are compared once."""
    truth = to_structure(task.truth)
    known: dict[bytes, float] = {}
    found = []
    for each in task.made:
        geometry = np.concatenate([each.lattice_parameters, each.free_coords.ravel()])
        key = geometry.round(6).tobytes()
        if key not in known:
            known[key] = distance(each, truth)
        found.append(known[key])
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
    """Match rates of the first few samples and distances of the matched."""
    samples = found.shape[1]
    first, best = matches(best_of(found, 1)), matches(best_of(found, samples))
    return {
        "top-1 %": round(first.matched.percent, 2),
        "top-1 RMSE": round(first.rmse, 4),
        "best of k %": {
            str(k): round(matches(best_of(found, k)).matched.percent, 2)
            for k in sorted({*BEST_OF, samples})
            if 1 < k <= samples
        },
        "best RMSE": round(best.rmse, 4),
        "best cRMSE": round(best.crmse, 4),
    }


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
    main()
