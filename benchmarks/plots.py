"""Plots of a side-by-side run; colours are those of Okabe and Ito (2008)."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import binomtest

from crystalgen.evaluation.distribution import Traits
from crystalgen.evaluation.report import Report
from judging import Outcome, by_orbits

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PLOTS = (
    ("validity.png", "Validity, uniqueness and novelty of all sets"),
    ("distributions.png", "Density, number of elements and space groups"),
    ("orbits.png", "Validity by the number of orbits"),
)
"""File names, and what they show."""

COLOURS = ("#0072B2", "#56B4E9", "#E69F00", "#009E73", "#555555")
INK = "#333333"
PALE = "#c4c4c4"
"""Of what ours is compared with."""
ORBITS = ((1, 2), (3, 4), (5, 8), (9, 20))
DPI = 110


def draw_plots(
    folder: Path, outcomes: Sequence[Outcome], reference: Sequence[Traits]
) -> None:
    """Write all plots.

    Args:
        folder: Where they go.
        outcomes: All sets, ours first.
        reference: The crystals that ours are compared with.
    """
    # imported here: worker processes would pay for it, too
    import matplotlib as mpl

    mpl.use("Agg")
    style = {
        "font.size": 9,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.edgecolor": INK,
        "axes.labelcolor": INK,
        "text.color": INK,
        "xtick.color": INK,
        "ytick.color": INK,
        "legend.frameon": False,
        "figure.facecolor": "white",
    }
    figures = (
        lambda: validity_plot(outcomes),
        lambda: distribution_plot(outcomes[0], reference),
        lambda: orbit_plot(outcomes),
    )
    with mpl.rc_context(style):
        for (name, _), draw in zip(PLOTS, figures, strict=True):
            # no date in it: the same figures give the same file
            draw().savefig(folder / name, dpi=DPI, metadata={"Software": None})


def validity_plot(outcomes: Sequence[Outcome]) -> "Figure":
    """Shares of each set that pass, as bars."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.6), layout="constrained")
    axes = figure.subplots()
    names = ("valid strictly", "valid complete", "SMACT", "unique", "novel", "all*")
    width = 0.84 / len(outcomes)
    for place, outcome in enumerate(outcomes):
        heights = _shares(outcome.report)
        left = np.arange(len(names)) + (place - (len(outcomes) - 1) / 2) * width
        axes.bar(
            left, heights, 0.9 * width, color=COLOURS[place], label=outcome.made.name
        )
        for x, height in zip(left, heights, strict=True):
            axes.text(x, height + 1, f"{height:.0f}", ha="center", fontsize=6.5)
    axes.set_xticks(range(len(names)), names)
    axes.set_ylim(0, 106)
    axes.set_ylabel("% of the crystals made")
    axes.set_xlabel("* valid strictly, unique and novel")
    figure.legend(loc="outside upper center", ncols=len(outcomes))
    return figure


def distribution_plot(outcome: Outcome, reference: Sequence[Traits]) -> "Figure":
    """Density, number of elements and space groups of a set and of the reference."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3), layout="constrained")
    density, elements, groups = figure.subplots(1, 3)
    ours = [each.traits for each in outcome.assessments]
    bins = np.linspace(0, 24, 49).tolist()
    density.hist([e.density for e in reference], bins, density=True, color=PALE)
    density.hist(
        [each.density for each in ours],
        bins,
        density=True,
        histtype="step",
        color=COLOURS[0],
        linewidth=1.5,
    )
    both = ((reference, "reference", PALE), (ours, outcome.made.name, COLOURS[0]))
    for place, (traits, name, colour) in enumerate(both):
        values, sizes = np.unique([e.n_elements for e in traits], return_counts=True)
        left = values + 0.4 * place - 0.2
        elements.bar(left, 100 * sizes / len(traits), 0.4, color=colour)
        numbers = np.sort([each.space_group for each in traits])
        shares = 100 * np.arange(1, len(numbers) + 1) / len(numbers)
        groups.step(
            [0, *numbers, 230],
            [0, *shares, 100],
            where="post",
            color=colour,
            label=name,
            linewidth=1.5 if place else 4,
        )
    density.set(xlabel="density, g/cm³", ylabel="share per g/cm³")
    elements.set(xlabel="number of elements", ylabel="%")
    elements.set_xticks(range(1, 8))
    groups.set(xlabel="space group number up to", ylabel="%")
    groups.set(xlim=(0, 230), ylim=(0, 101))
    groups.legend(loc="upper left")
    return figure


def orbit_plot(outcomes: Sequence[Outcome]) -> "Figure":
    """Strictly valid crystals by the number of orbits, with 95 % intervals."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3.4), layout="constrained")
    axes = figure.subplots()
    for place, outcome in enumerate(outcomes):
        offset = 0.13 * (place - (len(outcomes) - 1) / 2)
        for x, (valid, size) in enumerate(by_orbits(outcome, ORBITS)):
            if not size:
                continue
            share = 100 * valid / size
            low, high = binomtest(valid, size).proportion_ci(method="wilson")
            axes.errorbar(
                x + offset,
                share,
                [[share - 100 * low], [100 * high - share]],
                fmt="osD^v"[place],
                color=COLOURS[place],
                label=outcome.made.name if x == 0 else None,
                markersize=5,
            )
    labels = [f"{low} to {high}" for low, high in ORBITS]
    axes.set_xticks(range(len(ORBITS)), labels)
    axes.set(xlabel="orbits (0.1 Å)", ylabel="valid strictly, %", ylim=(0, 102))
    figure.legend(loc="outside upper center", ncols=3)
    return figure


def _shares(report: Report) -> list[float]:
    """Of each bar, %."""
    validity, found = report.summary.validity, report.novelty
    shares = [validity.lemat_strict, validity.lemat, validity.cdvae_composition]
    shares.append(report.unique)
    if found is not None:
        shares += [found.novel, found.strictly_valid_unique_novel]
    return [each.percent for each in shares]
