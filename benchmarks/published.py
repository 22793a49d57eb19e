"""Figures of peers that do not run here.

They were judged by other programs, on another split of MP-20: they say where the field
stands, and are no ranking against the sets that are judged here.
"""

from dataclasses import dataclass

ABSENT = "-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A line of a table; what was not published is `ABSENT`."""

    name: str
    paper: str
    """Where the model is described."""
    is_relaxed: bool
    """Whether the crystals were relaxed before they were judged."""
    lemat: str = ABSENT
    """LeMat-GenBench valid, strictly, %."""
    structure: str = ABSENT
    """CDVAE's structural validity, %."""
    composition: str = ABSENT
    """SMACT, %."""
    coverage: str = ABSENT
    """COV-R / COV-P, %."""
    density: str = ABSENT
    """Wasserstein distance, g/cm³."""
    p1: str = ABSENT
    """%."""


PUBLISHED = (
    Published(
        name="Wyckoff Transformer + PyXtal, n = 499",
        paper="arXiv:2503.02407",
        is_relaxed=False,
        lemat="36.3",
        composition="84.0",
        coverage="62.8 / 84.4",
        density="1.29",
        p1="1.6",
    ),
    Published(
        name="Wyckoff Transformer",
        paper="arXiv:2503.02407",
        is_relaxed=True,
        structure="99.6",
        composition="80.5",
        coverage="98.7 / 96.7",
        density="0.70",
    ),
    Published(
        name="DiffCSP++",
        paper="arXiv:2402.03992",
        is_relaxed=True,
        structure="100",
        composition="85.1",
        coverage="99.3 / 95.9",
        density="0.14",
    ),
    Published(
        name="MatterGen (MP-20)",
        paper="arXiv:2312.03687",
        is_relaxed=True,
        structure="100",
        composition="82.8",
        coverage="99.8 / 96.2",
        density="0.31",
        p1="25",
    ),
    Published(
        name="SymmCD",
        paper="arXiv:2502.03638",
        is_relaxed=True,
        structure="95.8",
        composition="84.7",
        coverage="99.5 / 94.5",
        density="0.61",
    ),
)


def published_table() -> list[str]:
    """Lines of a Markdown table."""
    lines = [
        "| | relaxed | LeMat strictly % | structure % | SMACT % | COV-R / COV-P % |"
        " W(density) | P1 % | model |",
        "|---|---|--:|--:|--:|--:|--:|--:|---|",
    ]
    for each in PUBLISHED:
        cells = (
            each.name,
            "yes" if each.is_relaxed else "no",
            each.lemat,
            each.structure,
            each.composition,
            each.coverage,
            each.density,
            each.p1,
            each.paper,
        )
        lines.append(f"| {' | '.join(cells)} |")
    return lines
