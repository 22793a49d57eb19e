"""Figures of the variants that `ablation.py` compares, and their table."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track

from ablation_variants import Draw, Drawing, drawn
from crystalgen.datasets.pool import Lost, survive_map
from crystalgen.generation import Generator
from crystalgen.generation.weights import Weights
from crystalgen.representation.framework import protostructure_of
from crystalgen.representation.table import CrystalTable
from crystalgen.training.folder import MODEL
from crystalgen.training.metrics import read_metrics
from reconstruction import distance, reconstructed, species_accuracy

RAW = Drawing(meaning="raw draws", has_prior=True, has_checks=False)
LOSSES = {
    "species_nll": "species",
    "coords_nll": "coords",
    "cell_nll": "cell",
    "species_rate": "species codes",
    "geometry_rate": "geometry codes",
    "template_nll": "template",
}
"""Parts of the validation loss in the table, with their headings."""
NOTE = """\
Match: `StructureMatcher(stol=0.5, angle_tol=10, ltol=0.3)` on crystals decoded from
their codes. Valid: LeMat-GenBench, of all draws, none checked or drawn again (in the
row with checks: of the crystals that pass). New: the training crystals hold no such
elements on such positions. Right of them the last validation loss in nats per crystal,
with species as relaxed as at the end of the run; codes are the divergence from the
prior.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """How good crystals are that were drawn, as shares of all draws, in percent."""

    n: int
    """Draws."""
    valid: float
    """Pass all checks of LeMat-GenBench."""
    valid_strictly: float
    """The same without a guess of charges from the composition alone."""
    new: float
    """Have elements and positions that no training crystal has together."""
    valid_and_new: float
    """Both."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """All that is measured of a variant."""

    meaning: str
    """What differs from the full model."""
    quality: Quality
    """Of what it draws."""
    match: float | None = None
    """Crystals that match their reconstruction, in percent."""
    rms: float | None = None
    """Mean normalised rms distance of those."""
    species: float | None = None
    """Distinct elements that are decoded right, in percent."""
    losses: Mapping[str, float] | None = None
    """The last validation losses by name, in nats per crystal."""
    minutes: float | None = None
    """Of training."""
    weights: str = ""
    """First digits of the SHA-256 of the weights."""


def figures_of_training(
    meaning: str,
    folder: Path,
    truth: CrystalTable,
    *,
    n: int,
    seed: int,
    workers: int,
) -> Figures:
    """Measure a trained variant: what it draws and what it reconstructs."""
    weights = Generator.load(folder / MODEL).weights
    crystals = [truth.crystal(index) for index in range(len(truth))]
    pairs = reconstructed(weights, crystals)
    results = survive_map(distance, pairs, n_workers=workers)
    console = Console(stderr=True)
    bar = track(results, f"match {folder.name}", total=len(pairs), console=console)
    rms = np.array([np.inf if isinstance(each, Lost) else each for each in bar])
    matched = np.isfinite(rms)
    metrics = read_metrics(folder / "metrics.jsonl")
    validated = [line for line in metrics if "val_loss" in line][-1]
    losses = {name: validated[f"val_{name}"] for name in ("loss", *LOSSES)}
    return Figures(
        meaning=meaning,
        quality=quality(
            drawn(RAW, weights, n=n, seed=seed), weights, n=n, name=folder.name
        ),
        match=percent(matched),
        rms=round(float(rms[matched].mean()), 4) if matched.any() else None,
        species=round(100 * species_accuracy(pairs), 2),
        losses={name: round(value, 3) for name, value in losses.items()},
        minutes=round(metrics[-1]["minutes"], 1),
        weights=weights.sha256[:12],
    )


def figures_of_drawing(
    drawing: Drawing, weights: Weights, *, n: int, seed: int
) -> Figures:
    """Measure another way to draw from a trained model."""
    draws = drawn(drawing, weights, n=n, seed=seed)
    return Figures(
        meaning=drawing.meaning,
        quality=quality(draws, weights, n=n, name=drawing.meaning),
        weights=weights.sha256[:12],
    )


def quality(draws: Iterator[Draw], weights: Weights, *, n: int, name: str) -> Quality:
    """Judge crystals as they are drawn."""
    valid, strictly, new = [], [], []
    console = Console(stderr=True)
    for each in track(islice(draws, n), f"draw {name}", total=n, console=console):
        verdict, crystal = each.verdict, each.crystal
        valid.append(verdict is not None and verdict.is_valid)
        strictly.append(verdict is not None and verdict.is_valid_strictly)
        label = crystal and protostructure_of(
            crystal.space_group, crystal.wyckoff, crystal.species
        )
        new.append(label is not None and label not in weights.known)
    return Quality(
        n=len(valid),
        valid=percent(valid),
        valid_strictly=percent(strictly),
        new=percent(new),
        valid_and_new=percent(np.array(valid) & np.array(new)),
    )


def percent(passes: list[bool] | np.ndarray) -> float:
    """Share of what passes."""
    return round(100 * float(np.mean(passes)), 1)


def to_json(figures: Figures) -> str:
    """Write down the figures of a variant."""
    return json.dumps(asdict(figures), indent=2) + "\n"


def from_json(text: str) -> Figures:
    """Read what `to_json` wrote."""
    entry = json.loads(text)
    return Figures(**{**entry, "quality": Quality(**entry["quality"])})


def table(found: Mapping[str, Figures], head: str) -> str:
    """A page in Markdown with one row for each variant."""
    columns = ["variant", "match %", "rms", "species %", "valid %", "new %"]
    columns += ["valid and new %", *LOSSES.values(), "minutes"]
    rows = [columns, ["---", *["--:"] * (len(columns) - 1)]]
    for figures in found.values():
        quality, losses = figures.quality, figures.losses or {}
        rows.append(
            [
                figures.meaning,
                *map(_cell, (figures.match, figures.rms, figures.species)),
                *map(_cell, (quality.valid, quality.new, quality.valid_and_new)),
                *(_cell(losses.get(name)) for name in LOSSES),
                _cell(figures.minutes),
            ]
        )
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join(["# Ablation", "", head, "", *lines, "", NOTE])


def _cell(value: float | None) -> str:
    return "-" if value is None else f"{value:g}"
