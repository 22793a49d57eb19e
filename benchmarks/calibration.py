"""How often predicted intervals hold the true value, on crystals with labels.

    crystalgen data build mp-20 --split test --out test.safetensors
    python benchmarks/calibration.py test.safetensors [--checkpoint FILE]
        [--plot reliability.png] [--halves val.safetensors]

The crystals must be among neither those that the weights were trained on nor those that
they were calibrated on. "as the networks say" is what they predict without calibration.
Widths are medians over the crystals, in the unit of the property.

With --halves, the crystals and those of another cache are put together and parted into
random halves, of which one calibrates what the other one tests: the mean tells whether
the method is right, the standard deviation what chance makes of one parting.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from command_line import run, shown_command
from crystalgen.datasets.cache import read_cache
from crystalgen.generation import Generator
from crystalgen.generation.calibration import judged_labels
from crystalgen.generation.prediction import COVERAGES
from crystalgen.model.calibration import Calibration, fit_calibration, quantile

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SHARES = tuple(round(0.05 * step, 2) for step in range(1, 20))
"""Nominal coverages of the diagram."""
PARTINGS = 100
"""Random halves."""
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#56B4E9", "#555555")
DPI = 110


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Judged:
    """Predictions and labels, standardised."""

    names: tuple[str, ...]
    units: Float[Tensor, " properties"]
    """What a standardised 1 is in the unit of each property."""
    location: Float[Tensor, "crystals properties"]
    scale: Float[Tensor, "crystals properties"]
    labels: Float[Tensor, "crystals properties"]

    def coverage(self, share: float, calibration: Calibration | None) -> list[float]:
        """Share of the labels of each property within the interval."""
        low, high = self.interval(share, calibration)
        is_within = (low <= self.labels) & (self.labels <= high)
        n_known = (~self.labels.isnan()).sum(dim=0)
        return (is_within.sum(dim=0) / n_known).tolist()

    def interval(
        self, share: float, calibration: Calibration | None
    ) -> tuple[Tensor, Tensor]:
        """Lowest and highest value of each property of each crystal."""
        low, high = (1 - share) / 2, (1 + share) / 2
        return (
            quantile(self.location, self.scale, low, calibration),
            quantile(self.location, self.scale, high, calibration),
        )


def main() -> None:
    """Predict, compare, print one JSON object."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("cache", type=Path, help="crystals with labels")
    parser.add_argument("--checkpoint", type=Path, help="trained with properties")
    parser.add_argument("--halves", type=Path, help="more crystals of the same kind")
    parser.add_argument("--plot", type=Path, help="where to draw the diagram")
    arguments = parser.parse_args()
    torch.set_num_threads(1)  # small matrices: a second thread gains nothing
    weights = Generator.load(arguments.checkpoint).weights
    location, scale, labels = judged_labels(weights, *read_cache(arguments.cache))
    statistics = weights.networks.statistics
    if statistics.properties is None:
        raise SystemExit("these weights know no properties")
    judged = Judged(
        names=weights.config.properties,
        units=statistics.properties.scale,
        location=location,
        scale=scale,
        labels=labels,
    )
    kinds: dict[str, Calibration | None] = {"as the networks say": None}
    if statistics.calibration is not None:
        kinds["calibrated"] = statistics.calibration
    report = {
        "command": shown_command(),
        "weights": weights.name,
        "weights sha256": weights.sha256,
        "calibrated on": None
        if statistics.calibration is None
        else statistics.calibration.n.tolist(),
        **{name: _figures(judged, calibration) for name, calibration in kinds.items()},
    }
    if arguments.halves:
        more = judged_labels(weights, *read_cache(arguments.halves))
        pooled = [
            torch.cat(each)
            for each in zip(more, (location, scale, labels), strict=True)
        ]
        report["random halves"] = _halves(judged, pooled)
    print(json.dumps(report, indent=2))  # noqa: T201
    if arguments.plot:
        _draw(judged, kinds, arguments.plot)


def _halves(judged: Judged, pooled: Sequence[Tensor]) -> dict[str, Any]:
    """Coverage of halves that other halves calibrated."""
    n, held = len(pooled[0]), []
    for number in range(PARTINGS):
        order = torch.randperm(n, generator=torch.Generator().manual_seed(number))
        fitted, tested = ([each[rows] for each in pooled] for rows in order.chunk(2))
        calibration = Calibration(fit_calibration(*fitted))
        location, scale, labels = tested
        half = replace(judged, location=location, scale=scale, labels=labels)
        held.append([half.coverage(share, calibration) for share in COVERAGES])
    means, deviations = 100 * np.mean(held, axis=0), 100 * np.std(held, axis=0)
    return {
        name: {
            f"held by {share:.0%} interval, %": (
                f"{means[row, column]:.1f} ± {deviations[row, column]:.1f}"
            )
            for row, share in enumerate(COVERAGES)
        }
        for column, name in enumerate(judged.names)
    }


def _figures(judged: Judged, calibration: Calibration | None) -> dict[str, Any]:
    median = quantile(judged.location, judged.scale, 0.5, calibration)
    errors = (median - judged.labels).abs() * judged.units
    figures: dict[str, Any] = {
        name: {
            "n": int((~judged.labels[:, column].isnan()).sum()),
            "mean absolute error": round(float(errors[:, column].nanmean()), 4),
            "median absolute error": round(float(errors[:, column].nanmedian()), 4),
        }
        for column, name in enumerate(judged.names)
    }
    for share in COVERAGES:
        low, high = judged.interval(share, calibration)
        width = ((high - low) * judged.units).median(dim=0).values
        for column, name in enumerate(judged.names):
            held = judged.coverage(share, calibration)[column]
            figures[name] |= {
                f"held by {share:.0%} interval, %": round(100 * held, 1),
                f"width of {share:.0%} interval": round(float(width[column]), 4),
            }
    return figures


def _draw(judged: Judged, kinds: dict[str, Calibration | None], path: Path) -> None:
    """Write the reliability diagram: nominal and true coverage."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, panels = plt.subplots(
        1, len(kinds), figsize=(4 * len(kinds), 4), squeeze=False, sharey=True
    )
    for panel, (title, calibration) in zip(panels[0], kinds.items(), strict=True):
        _draw_panel(panel, judged, calibration)
        panel.set_title(title)
    panels[0][0].set_ylabel("true values within, %")
    panels[0][-1].legend(frameon=False)
    figure.savefig(path, dpi=DPI, bbox_inches="tight")
    plt.close(figure)


def _draw_panel(panel: "Axes", judged: Judged, calibration: Calibration | None) -> None:
    held = np.array([judged.coverage(share, calibration) for share in SHARES])
    nominal = 100 * np.array(SHARES)
    panel.plot([0, 100], [0, 100], color="#c4c4c4", linewidth=1)
    for column, name in enumerate(judged.names):
        panel.plot(
            nominal,
            100 * held[:, column],
            marker="o",
            markersize=3,
            color=COLOURS[column % len(COLOURS)],
            label=name,
        )
    panel.set_xlabel("interval says, %")
    panel.set_xlim(0, 100)
    panel.set_ylim(0, 100)
    panel.set_aspect("equal")
    panel.spines[["top", "right"]].set_visible(False)


if __name__ == "__main__":
    run(main)
