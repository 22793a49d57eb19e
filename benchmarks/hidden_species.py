"""Hide one element of real crystals, and count how often decoration finds it again.

    crystalgen data build mp-20 --split val --out val.safetensors
    crystalgen data build mp-20 --split train --out train.safetensors
    python benchmarks/hidden_species.py val.safetensors --train train.safetensors
        [--n 300] [--seed 0] [--checkpoint FILE] [--fit]

Of each crystal one of its elements, chosen at random, is hidden on all its sites;
group, cell, coordinates and the other elements are given. Every element that the
weights know, less the other ones, competes, and each is read in the canonical
description that it leads to: nothing tells which was there.

"all" ranks them all; "new" leaves out what is a training crystal, as `crystalgen
decorate` does by default. As MP-20 is split so that hardly a crystal of one split has
the positions and elements of one of another, "new" leaves out wrong answers only, and
"all" is the figure that does not know how the data were split.

The baseline substitutes ions, as pymatgen's SubstitutionPredictor does (Hautier et al.,
Inorg. Chem. 50, 656, 2011), into the training crystals: an element s competes with

    sum over training crystals t of the same prototype of
        product over the elements of p(element of t is replaced by that of the crystal)

with s in the hidden place. Asking the predictor which ions replace the hidden one would
give the answer away. Where no training crystal has the prototype, frequent elements
come first. "checked" leaves out what `decorate` refuses as too close, too.

With --fit, the weights of the score are fitted to the same crystals (conditional
logistic regression, 5 folds): for `crystalgen.decoration.likelihood.WEIGHTS`.
"""

import argparse
import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from rich.console import Console
from rich.progress import track

from command_line import run
from crystalgen.datasets.cache import read_cache
from crystalgen.decoration import Decorating, DecorationRequest
from crystalgen.decoration.likelihood import WEIGHTS, Terms, terms
from crystalgen.generation import Generator
from crystalgen.generation.weights import Weights
from crystalgen.representation.conversion import to_structure
from crystalgen.representation.crystal import SymmetricCrystal
from crystalgen.representation.elements import SYMBOLS
from crystalgen.representation.framework import protostructure
from crystalgen.representation.prototype import Prototype, prototypes_of, roles_of
from crystalgen.representation.table import CrystalTable
from peers.substitution import probabilities

FOLDS = 5
RIDGE = 1e-4


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Hidden:
    """One crystal with an element hidden."""

    truth: int
    """Place of the hidden element among the candidates."""
    terms: Terms
    """Of each candidate."""
    substitution: Float[np.ndarray, " candidates"]
    """Score of the baseline."""
    is_known: Bool[np.ndarray, " candidates"]


def main() -> None:
    """Hide, rank, print one JSON object."""
    arguments = parsed()
    torch.set_num_threads(1)  # small matrices: a second thread gains nothing
    weights = Generator.load(arguments.checkpoint).weights
    table, _ = read_cache(arguments.cache)
    training = Training(read_cache(arguments.train)[0])
    rng = np.random.default_rng(arguments.seed)
    rows = rng.permutation(len(table))[: arguments.n].tolist()
    bar = track(rows, "hide", console=Console(stderr=True))
    cases = [hide(weights, training, table.crystal(row), rng) for row in bar]
    result = {
        "weights": weights.sha256[:12],
        "cache": arguments.cache.name,
        "n": len(cases),
        "seed": arguments.seed,
        "candidates, mean": round(np.mean([len(c.is_known) for c in cases]).item(), 1),
        "truth is known %": percent([bool(c.is_known[c.truth]) for c in cases]),
        "all": shares([rank(c, score(c)) for c in cases]),
        "new": shares([rank(c, score(c), is_new=True) for c in cases]),
        "each term alone": {
            name: shares([rank(c, getattr(c.terms, name)) for c in cases])
            for name in ("species", "open_volume", "coded_volume", "touch")
        },
        "substitution": shares([rank(c, c.substitution) for c in cases]),
        "substitution, checked": shares(
            [rank(c, c.substitution - 1e9 * (c.terms.spacing == 0)) for c in cases]
        ),
        "substitution, checked, new": shares(
            [
                rank(c, c.substitution - 1e9 * (c.terms.spacing == 0), is_new=True)
                for c in cases
            ]
        ),
    }
    if arguments.fit:
        result["fit"] = fit(cases)
    print(json.dumps(result, indent=2))  # noqa: T201


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cache", type=Path)
    parser.add_argument("--train", type=Path, required=True, help="for the baseline")
    parser.add_argument("--n", type=int, default=300, help="crystals, drawn at random")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--checkpoint", type=Path)
    parser.add_argument("--fit", action="store_true", help="fit the weights, too")
    return parser.parse_args()


class Training:
    """Elements of the training crystals, by prototype."""

    def __init__(self, table: CrystalTable) -> None:
        found: dict[Prototype, list[tuple[int, ...]]] = defaultdict(list)
        for row, prototype in enumerate(prototypes_of(table)):
            found[prototype].append(tuple(dict.fromkeys(table.crystal(row).species)))
        self.of_prototype = {key: np.array(rows) for key, rows in found.items()}
        self.frequency = Counter(
            int(number)
            for rows in self.of_prototype.values()
            for number in rows.ravel()
        )

    def score(self, crystal: SymmetricCrystal) -> float:
        """How likely ions of training crystals are replaced by those of a crystal."""
        elements = np.array(tuple(dict.fromkeys(crystal.species)))
        prototype = Prototype(
            space_group=crystal.space_group,
            wyckoff=crystal.wyckoff,
            roles=roles_of(crystal.species),
        )
        rows = self.of_prototype.get(prototype)
        if rows is None:
            return 0.0
        return float(replaced()[rows, elements].prod(axis=1).sum())


@lru_cache(maxsize=1)
def replaced() -> Float[np.ndarray, "species species"]:
    """Probability that an element (row) is replaced by another (column) or itself."""
    matrix = np.eye(len(SYMBOLS) + 1)
    for number, (others, chances) in probabilities().items():
        matrix[number] = 0.0
        matrix[number, others] = chances
    return matrix


def hide(
    weights: Weights,
    training: Training,
    crystal: SymmetricCrystal,
    rng: np.random.Generator,
) -> Hidden:
    """Hide an element of a crystal and score all that may take its place."""
    elements = tuple(dict.fromkeys(crystal.species))
    symbol = SYMBOLS[elements[rng.integers(len(elements))] - 1]
    decorating = Decorating(
        weights=weights,
        request=DecorationRequest(sites=(symbol,)),
        structure=to_structure(crystal),
    )
    for _ in decorating.prepare():
        pass
    sites = decorating.sites
    [role] = sites.open_roles
    ranked = decorating.scorer.ranked()
    crystals = [made for _, made, _ in ranked]
    numbers = [assignment[role] for assignment, _, _ in ranked]
    rare = np.array([1e-12 * training.frequency[number] for number in numbers])
    return Hidden(
        truth=numbers.index(sites.before[role]),
        terms=terms(weights, crystals),
        substitution=np.array([training.score(each) for each in crystals]) + rare,
        is_known=np.array([protostructure(each) in weights.known for each in crystals]),
    )


def score(case: Hidden) -> Float[np.ndarray, " candidates"]:
    """The score of `decorate`; what is too close comes last, as it is refused."""
    total = np.zeros(len(case.is_known))
    for part, weight in zip(case.terms, WEIGHTS, strict=True):
        total += part * weight
    return total - 1e9 * (case.terms.spacing == 0)


def rank(
    case: Hidden, values: Float[np.ndarray, " candidates"], *, is_new: bool = False
) -> int:
    """Candidates that come before the truth, which comes last of equal ones."""
    competes = ~case.is_known if is_new else np.ones(len(values), dtype=bool)
    if not competes[case.truth]:
        return len(values)
    return int((values[competes] >= values[case.truth]).sum()) - 1


def shares(ranks: Sequence[int]) -> dict[str, float]:
    """Percent of the crystals whose hidden element is among the first."""
    found = np.array(ranks)
    return {f"top-{k} %": percent((found < k).tolist()) for k in (1, 5, 10)}


def percent(hits: Sequence[bool]) -> float:
    """Share of true ones."""
    return round(100 * float(np.mean(hits)), 1)


def fit(cases: Sequence[Hidden]) -> dict[str, object]:
    """Weights by logistic regression, and what they give on crystals left out."""
    inputs = [torch.from_numpy(np.stack(case.terms, axis=1)) for case in cases]
    truths = [case.truth for case in cases]
    fold = np.arange(len(cases)) % FOLDS
    ranks = np.zeros(len(cases), dtype=int)
    for number in range(FOLDS):
        fitted = regression(inputs, truths, np.flatnonzero(fold != number))
        for row in np.flatnonzero(fold == number).tolist():
            values = (inputs[row] @ fitted).numpy()
            ranks[row] = rank(cases[row], values)
    whole = regression(inputs, truths, np.arange(len(cases)))
    return {
        "weights": dict(
            zip(Terms._fields, whole.numpy().round(2).tolist(), strict=True)
        ),
        "left-out": shares(ranks.tolist()),
    }


def regression(
    inputs: Sequence[torch.Tensor],
    truths: Sequence[int],
    rows: Int[np.ndarray, " some"],
) -> torch.Tensor:
    """Weights that make the truths of some crystals most likely among candidates."""
    fitted = torch.zeros(len(Terms._fields), dtype=torch.double, requires_grad=True)
    optimizer = torch.optim.LBFGS([fitted], max_iter=200, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        each = [-(inputs[r] @ fitted).log_softmax(0)[truths[r]] for r in rows.tolist()]
        value = torch.stack(each).mean() + RIDGE * fitted.square().sum()
        value.backward()
        return value

    optimizer.step(loss)
    return fitted.detach()


if __name__ == "__main__":
    run(main)
