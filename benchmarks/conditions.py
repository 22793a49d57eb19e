"""How near crystals come to the properties that they were asked for.

    crystalgen data build mp-20 --split train --out train.safetensors
    pip install -c constraints.txt chgnet==0.4.2
    python benchmarks/conditions.py --train train.safetensors [--checkpoint FILE]
        [--n 100] [--seed 0] [--guidance 3] [--out conditions] [--targets LIST ...]
        [--table table.md]

For each list of targets n crystals are drawn on condition, and n without. Figures are
the median of the absolute error and the share within 0.25 eV (eV/atom) of the target,
with a 95 % interval (Wilson).

Formation energies are judged by CHGNet, which knows nothing of our networks: its energy
of the crystal as it was generated, less references of the elements fitted to training
crystals (`stability.py`); they are left out if it is not installed. All properties are
judged by the property heads of the weights, too. These saw the training crystals, but
no generated one; `calibration.py` says how far they can be trusted.
"""

import argparse
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float64
from rich.console import Console
from rich.progress import track
from scipy.stats import binomtest

from command_line import run, shown_command
from crystalgen.export.run_folder import write_whole
from crystalgen.generation import Condition, Generator, Request
from crystalgen.generation.candidate import Candidate
from crystalgen.generation.prediction import predict
from crystalgen.representation.conversion import to_structure

NEAR = 0.25
"""eV, or eV/atom."""
ENERGY = "formation_energy_per_atom"
TARGETS = (
    *("band_gap=0", "band_gap=2", "band_gap=4"),
    *(f"{ENERGY}=-0.5", f"{ENERGY}=-1.5", f"{ENERGY}=-2.5"),
    f"band_gap=2,{ENERGY}=-1.5",
)
REFERENCES = "references"
"""Table of energies of training crystals, which does not depend on what is drawn."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Judged:
    """Drawn crystals and their properties."""

    candidates: Sequence[Candidate]
    n_drawn: int
    by_heads: Mapping[str, Float64[np.ndarray, " crystals"]]
    by_chgnet: Float64[np.ndarray, " crystals"] | None
    """Formation energies; NaN where CHGNet cannot tell."""


def main() -> None:
    """Draw, judge, print one JSON object."""
    arguments = _parser().parse_args()
    torch.set_num_threads(1)  # small matrices: a second thread gains nothing
    generator = Generator.load(arguments.checkpoint)
    energies = _Energies.fitted(arguments) if find_spec("chgnet") else None
    lists = [_conditions(text) for text in arguments.targets]

    def judged(name: str, request: Request) -> Judged:
        return _judge(generator, request, arguments.seed, name, energies)

    free = judged("free", Request(n=arguments.n))
    results: dict[str, Any] = {}
    for text, conditions in zip(arguments.targets, lists, strict=True):
        request = Request(
            n=arguments.n, conditions=conditions, guidance=arguments.guidance
        )
        told = judged(f"{text}-{arguments.guidance:g}", request)
        results[text] = {
            "draws for the crystals": told.n_drawn,
            "space groups": len({each.space_group for each in told.candidates}),
            "elements": _n_elements(told),
            **{each.name: _figures(each, told, free) for each in conditions},
        }
    report = {
        "command": shown_command(),
        "seed": arguments.seed,
        "n": arguments.n,
        "guidance": arguments.guidance,
        "weights": generator.weights.name,
        "weights sha256": generator.weights.sha256,
        "calibrated": generator.weights.networks.statistics.calibration is not None,
        "references": energies.summary if energies else None,
        "without conditions": {
            "draws for the crystals": free.n_drawn,
            "space groups": len({each.space_group for each in free.candidates}),
            "elements": _n_elements(free),
        },
        "targets": results,
    }
    print(json.dumps(report, indent=2))  # noqa: T201
    if arguments.table:
        write_whole(arguments.table, _table(results))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--train", type=Path, required=True, help="training cache")
    parser.add_argument("--checkpoint", type=Path, help="trained with properties")
    parser.add_argument("--n", type=int, default=100, help="crystals of each kind")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--guidance", type=float, default=3.0)
    parser.add_argument("--out", type=Path, default=Path("conditions"))
    parser.add_argument("--table", type=Path, help="figures in Markdown, for the docs")
    parser.add_argument("--targets", nargs="+", default=list(TARGETS))
    return parser


def _conditions(text: str) -> tuple[Condition, ...]:
    return tuple(Condition.parse(part) for part in text.split(","))


def _n_elements(judged: Judged) -> int:
    return len({z for each in judged.candidates for z in each.crystal.species})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Energies:
    """Formation energies by CHGNet."""

    fit: Any
    workplace: Any

    @classmethod
    def fitted(cls, arguments: argparse.Namespace) -> "_Energies":
        """Fit the references to training crystals."""
        # imported here: without CHGNet the rest works
        from potential import energy_of
        from stability import draw_known, fit
        from survey import Workplace, succeeded, survey

        arguments.out.mkdir(parents=True, exist_ok=True)
        workplace = Workplace(folder=arguments.out, workers=1)
        known = draw_known(arguments.train, arguments.seed)
        structures = {
            name: to_structure(crystal) for name, (crystal, _) in known.items()
        }
        rows = succeeded(
            survey(REFERENCES, energy_of, structures, workplace, timeout_s=60.0)
        )
        phases = [known[name][1] for name in rows]
        found = fit(phases, [row["energy"] for row in rows.values()])
        return cls(fit=found, workplace=workplace)

    @property
    def summary(self) -> dict[str, Any]:
        """How well the references do."""
        return {
            "crystals fitted": self.fit.n_fitted,
            "held out": self.fit.n_held_out,
            "mean absolute error, eV/atom": round(self.fit.mean_error, 4),
        }

    def of(
        self, candidates: Sequence[Candidate], name: str
    ) -> Float64[np.ndarray, " crystals"]:
        """Formation energies, eV/atom; NaN where there is none."""
        from potential import energy_of, is_accepted
        from stability import composition_of
        from survey import survey

        made_of = {
            f"{each.index}-{each.formula}": composition_of(each.crystal)
            for each in candidates
        }
        structures = {
            key: each.structure
            for key, each in zip(made_of, candidates, strict=True)
            if is_accepted(made_of[key]) and self.fit.references.covers(made_of[key])
        }
        rows = survey(name, energy_of, structures, self.workplace, timeout_s=60.0)
        return np.array(
            [
                self.fit.references.formation_energy(composition, rows[key]["energy"])
                if "energy" in rows.get(key, {})
                else math.nan
                for key, composition in made_of.items()
            ]
        )


def _judge(
    generator: Generator,
    request: Request,
    seed: int,
    name: str,
    energies: _Energies | None,
) -> Judged:
    sampling = generator.sample(request, seed=seed)
    shown = track(
        sampling, name, total=request.n, console=Console(stderr=True), transient=True
    )
    candidates = list(shown)
    found = list(predict(generator.weights, [each.crystal for each in candidates]))
    asks = [each.name for each in request.conditions]
    needs_energy = energies is not None and (not asks or ENERGY in asks)
    table = f"energies-{generator.weights.sha256[:6]}-{seed}-{request.n}-{name}"
    return Judged(
        candidates=candidates,
        n_drawn=sampling.tally.drawn,
        by_heads={
            key: np.array([each[key].median for each in found])
            for key in generator.weights.config.properties
        },
        by_chgnet=energies.of(candidates, table)
        if needs_energy and energies is not None
        else None,
    )


def _figures(condition: Condition, told: Judged, free: Judged) -> dict[str, Any]:
    judges = {
        "property heads": (
            told.by_heads[condition.name],
            free.by_heads[condition.name],
        )
    }
    both = told.by_chgnet, free.by_chgnet
    if condition.name == ENERGY and both[0] is not None and both[1] is not None:
        judges["CHGNet"] = (both[0], both[1])
    return {
        judge: {
            "on condition": _nearness(values[0], condition),
            "without": _nearness(values[1], condition),
        }
        for judge, values in judges.items()
    }


def _table(results: Mapping[str, Any]) -> str:
    """The figures as a table in Markdown."""
    lines = [
        "| asked | judged by | median error | without | within 0.25 | without |",
        "|---|---|--:|--:|--:|--:|",
    ]
    for text, found in results.items():
        for condition in _conditions(text):
            for judge, figures in found[condition.name].items():
                told, free = figures["on condition"], figures["without"]
                name = condition.name if "," in text else ""
                cells = (
                    f"`{text}`{' ' * bool(name)}{name}",
                    judge,
                    *(f"{each['median absolute error']:.2f}" for each in (told, free)),
                    *(f"{each[f'within {NEAR} %']:.0f} %" for each in (told, free)),
                )
                lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _nearness(
    values: Float64[np.ndarray, " crystals"], condition: Condition
) -> dict[str, Any]:
    """How far values are from a target, or from the nearer end of a range."""
    known = values[np.isfinite(values)]
    error = np.maximum(condition.low - known, known - condition.high).clip(min=0)
    n_near = int((error <= NEAR).sum())
    interval = binomtest(n_near, len(error)).proportion_ci(method="wilson")
    return {
        "n": len(error),
        "median": round(float(np.median(known)), 3),
        "median absolute error": round(float(np.median(error)), 3),
        f"within {NEAR} %": round(100 * n_near / len(error), 1),
        "95 % interval": [round(100 * interval.low, 1), round(100 * interval.high, 1)],
    }


if __name__ == "__main__":
    run(main)
