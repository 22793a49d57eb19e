"""Do crystals keep to what was asked for, and what does asking cost?

    python benchmarks/constraints.py [--requests 200] [--seed 0] [--checkpoint FILE]

Crystals are drawn without constraints first; what one to four of the options say of a
random one of them makes a random mixed request, so most can be fulfilled. For each
request one block of 128 draws is made as `crystalgen generate` makes it. Every valid
crystal is judged by pymatgen and spglib alone: composition and atoms of the primitive
cell that spglib finds, and its space group. Prints the share that complies, requests
refused, and valid and unique crystals per second of the CPU, next to those without.
"""

import argparse
import json
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from pymatgen.core import Composition, Structure
from pymatgen.symmetry.analyzer import SpacegroupAnalyzer
from rich.console import Console
from rich.progress import track

from command_line import run
from crystalgen.errors import RequestError
from crystalgen.generation import Generator, Request
from crystalgen.generation.candidate import Candidate
from crystalgen.generation.duplicates import SeenCrystals
from crystalgen.generation.sampling import run_blocks
from crystalgen.generation.templates import TemplateSource
from crystalgen.generation.weights import Weights
from crystalgen.representation.elements import SYMBOLS

SYMPREC = 0.1
"""Tolerance in Å at which spglib must find the space group, as in generation."""
BLOCKS_OF_EXAMPLES = 3  # of 128 draws without constraints, which requests are made of
Settings = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """What 128 draws of a request gave.

    Attributes:
        request: What was asked for.
        setup_s: Seconds to find out what fits.
        draw_s: Seconds to draw.
        valid: Crystals that passed all checks.
        unique: Different ones among them.
        compliant: Valid ones that are what was asked for.
    """

    request: Request
    setup_s: float
    draw_s: float
    valid: int
    unique: int
    compliant: int


@dataclass(slots=True, kw_only=True)
class Refusals:
    """Requests of which no crystal can have all."""

    n: int = 0
    reasons: Counter[str] = field(default_factory=Counter)


def main() -> None:
    """Draw, judge, print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--checkpoint", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)  # small matrices: a second thread gains nothing
    weights = Generator.load(arguments.checkpoint).weights
    free, examples = free_blocks(weights, arguments.seed)
    rng = np.random.default_rng(arguments.seed)
    blocks: list[Block] = []
    refusals = Refusals()
    console = Console(stderr=True)
    for number in track(range(arguments.requests), "requests", console=console):
        try:
            request = random_request(rng, examples)
            blocks.append(draw(weights, request, arguments.seed + number)[0])
        except RequestError as error:
            refusals.n += 1
            refusals.reasons[str(error)] += 1
    print(json.dumps(report(weights, arguments, free, blocks, refusals), indent=2))  # noqa: T201


def free_blocks(weights: Weights, seed: int) -> tuple[list[Block], list[Candidate]]:
    """Blocks without constraints, the first one left out as it warms caches up."""
    blocks: list[Block] = []
    candidates: list[Candidate] = []
    for number in range(BLOCKS_OF_EXAMPLES + 1):
        block, drawn = draw(weights, Request(), seed + number)
        if number:
            blocks.append(block)
            candidates += drawn
    return blocks, candidates


def draw(
    weights: Weights, request: Request, seed: int
) -> tuple[Block, list[Candidate]]:
    """Draw one block of a request."""
    started = time.process_time()
    source = TemplateSource(weights=weights, request=request)
    ready = time.process_time()
    outcomes = run_blocks(weights, source, seed, range(1))
    ended = time.process_time()
    drawn = [each.candidate for each in outcomes if each.candidate and not each.fault]
    seen = SeenCrystals()
    block = Block(
        request=request,
        setup_s=ready - started,
        draw_s=ended - ready,
        valid=len(drawn),
        unique=sum(seen.add(each.crystal) for each in drawn),
        compliant=sum(complies(each, request) for each in drawn),
    )
    return block, drawn


def random_request(rng: np.random.Generator, examples: list[Candidate]) -> Request:
    """What some of the options say of a random crystal.

    Raises:
        RequestError: A random wish besides excludes it.
    """
    example = examples[rng.integers(len(examples))]
    n_options = int(rng.integers(1, 5))
    names = rng.choice(len(OPTIONS), size=n_options, replace=False)
    settings: Settings = {}
    for name in names.tolist():
        settings |= OPTIONS[name](rng, example)
    return Request(**settings)  # pyright: ignore[reportArgumentType]


def _symbols(example: Candidate) -> list[str]:
    return [element.symbol for element in example.structure.composition.elements]


def _primitive(structure: Structure) -> Structure:
    return SpacegroupAnalyzer(structure, symprec=SYMPREC).find_primitive() or structure


def _some(rng: np.random.Generator, symbols: Sequence[str], n: int) -> list[str]:
    return rng.permutation(list(symbols))[:n].tolist()


def _space_group(_: np.random.Generator, example: Candidate) -> Settings:
    return {"space_groups": (example.crystal.space_group,)}


def _crystal_system(_: np.random.Generator, example: Candidate) -> Settings:
    system = SpacegroupAnalyzer(example.structure, symprec=SYMPREC).get_crystal_system()
    return {"crystal_systems": (system,)}


def _chemical_system(_: np.random.Generator, example: Candidate) -> Settings:
    return {"chemical_system": _symbols(example)}


def _elements(rng: np.random.Generator, example: Candidate) -> Settings:
    others = _some(rng, list(SYMBOLS[:83]), int(rng.integers(1, 20)))
    return {"elements": [*_symbols(example), *others]}


def _require(rng: np.random.Generator, example: Candidate) -> Settings:
    return {"require": _some(rng, _symbols(example), int(rng.integers(1, 3)))}


def _exclude(rng: np.random.Generator, example: Candidate) -> Settings:
    others = sorted(set(SYMBOLS[:83]) - set(_symbols(example)))
    return {"exclude": _some(rng, others, int(rng.integers(1, 20)))}


def _formula(rng: np.random.Generator, example: Candidate) -> Settings:
    formula = example.structure.composition.reduced_formula
    n_atoms = len(_primitive(example.structure))
    if rng.random() < 0.5:
        return {"formula": formula}
    return {"formula": formula, "z": round(n_atoms / Composition(formula).num_atoms)}


def _anonymous(_: np.random.Generator, example: Candidate) -> Settings:
    return {"anonymous_formula": example.structure.composition.anonymized_formula}


def _n_elements(rng: np.random.Generator, example: Candidate) -> Settings:
    n = len(_symbols(example))
    low, high = rng.integers(0, 2, size=2).tolist()
    return {"n_elements": (max(n - low, 1), n + high)}


def _atoms(rng: np.random.Generator, example: Candidate) -> Settings:
    n = len(_primitive(example.structure))
    low, high = rng.integers(0, 4, size=2).tolist()
    return {"min_atoms": max(n - low, 1), "max_atoms": n + high}


def _charge(_: np.random.Generator, __: Candidate) -> Settings:
    return {"charge_neutral": False}


OPTIONS: tuple[Callable[[np.random.Generator, Candidate], Settings], ...] = (
    _space_group,
    _crystal_system,
    _chemical_system,
    _elements,
    _require,
    _exclude,
    _formula,
    _anonymous,
    _n_elements,
    _atoms,
    _charge,
)


def complies(candidate: Candidate, request: Request) -> bool:
    """Whether a crystal is what was asked for, by pymatgen and spglib."""
    found = SpacegroupAnalyzer(candidate.structure, symprec=SYMPREC)
    primitive = found.find_primitive()
    if primitive is None:
        return False
    n_atoms, composition = len(primitive), primitive.composition
    symbols = {element.symbol for element in composition.elements}
    unit = Composition(request.formula) if request.formula else None
    low, high = request.n_elements or (1, 118)
    groups, systems = request.space_groups, request.crystal_systems
    return all(
        (
            not groups or found.get_space_group_number() in groups,
            not systems or found.get_crystal_system() in systems,
            not request.chemical_system or symbols == set(request.chemical_system),
            not request.elements or symbols <= set(request.elements),
            symbols >= set(request.require),
            not symbols & set(request.exclude),
            not unit or composition.reduced_composition == unit.reduced_composition,
            not (unit and request.z) or n_atoms == request.z * unit.num_atoms,
            request.anonymous_formula in ("", composition.anonymized_formula),
            low <= len(symbols) <= high,
            (request.min_atoms or 1) <= n_atoms <= (request.max_atoms or n_atoms),
            candidate.is_neutral or not request.charge_neutral,
        )
    )


def report(
    weights: Weights,
    arguments: argparse.Namespace,
    free: list[Block],
    blocks: list[Block],
    refusals: Refusals,
) -> dict[str, object]:
    """Figures of all blocks."""
    valid = sum(block.valid for block in blocks)
    base = speed(free)
    rates = [(b.valid / b.draw_s) / base["valid per s"] for b in blocks]
    failed = [b for b in blocks if b.compliant < b.valid]
    return {
        "weights": weights.sha256[:12],
        "seed": arguments.seed,
        "requests": arguments.requests,
        "refused": refusals.n,
        "reasons": dict(refusals.reasons),
        "drawn from": len(blocks),
        "without a valid crystal": sum(block.valid == 0 for block in blocks),
        "valid crystals": valid,
        "compliant %": 100 * sum(block.compliant for block in blocks) / max(valid, 1),
        "not compliant": [asdict(block) for block in failed],
        "longest setup s": max(block.setup_s for block in blocks),
        "median setup s": float(np.median([block.setup_s for block in blocks])),
        "with constraints": speed(blocks),
        "without": base,
        "relative valid per s, median": float(np.median(rates)),
        "requests at 30 % of the speed or more, %": 100
        * float(np.mean([rate >= 0.3 for rate in rates])),
    }


def speed(blocks: list[Block]) -> dict[str, float]:
    """Valid and unique crystals per second of drawing."""
    seconds = sum(block.draw_s for block in blocks)
    return {
        "valid per s": sum(block.valid for block in blocks) / seconds,
        "unique per s": sum(block.unique for block in blocks) / seconds,
    }


if __name__ == "__main__":
    run(main)
