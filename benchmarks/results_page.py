"""The page of a side-by-side run: its table, what the sets are, the plots."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from crystalgen.evaluation.report import Json, plain
from crystalgen.evaluation.summary import Share
from judging import Outcome
from peers.made import Made
from plots import PLOTS
from published import ABSENT, published_table


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """How the figures came about."""

    command: str
    """Files by their names alone."""
    n: int
    seed: int
    weights: str
    """Start of the SHA-256 of the weights."""
    n_reference: int
    n_train: int
    machine: str
    """The processor."""


def table(outcomes: Sequence[Outcome]) -> list[tuple[str, ...]]:
    """Rows of cells: names of the sets, then a figure of all of them in each row."""
    columns = [list(_figures(each)) for each in outcomes]
    rows: list[tuple[str, ...]] = [("", *(each.made.name for each in outcomes))]
    for figures in zip(*columns, strict=True):
        rows.append((figures[0][0], *(cell for _, cell in figures)))
    return rows


def _figures(outcome: Outcome) -> Iterator[tuple[str, str]]:
    made, report = outcome.made, outcome.report
    summary, validity, found = report.summary, report.summary.validity, report.novelty
    kept = summary.groups[0].kept if summary.groups else None
    away, covered = report.distances, report.coverage
    yield "crystals made, of those asked for", f"{len(made.items)} of {made.asked}"
    yield "seconds per crystal and core", _seconds(made)
    yield "LeMat-GenBench valid strictly, %", _percent(validity.lemat_strict)
    yield "the same, complete, %", _percent(validity.lemat)
    yield "composition valid (SMACT), %", _percent(validity.cdvae_composition)
    yield "spaced, %", _percent(validity.spaced)
    yield "unique, %", _percent(report.unique)
    yield "novel, %", _percent(found and found.novel)
    strictly = found and found.strictly_valid_unique_novel
    yield "strictly valid, unique and novel, %", _percent(strictly)
    yield "W(density), g/cm³", f"{away.density:.3f}" if away else ABSENT
    yield "W(number of elements)", f"{away.n_elements:.3f}" if away else ABSENT
    yield "JSD(space groups), bits", f"{away.space_group_bits:.3f}" if away else ABSENT
    yield "P1, %", _percent(summary.p1)
    yield "group kept at 0.1 Å, %", _percent(kept)
    per_1000 = f"{found.new_templates_per_1000:.0f}" if found else ABSENT
    yield "new templates per 1,000", per_1000
    if covered:
        yield "COV-R, %", f"{100 * covered.recall:.1f}"
        yield "COV-P, %", f"{100 * covered.precision:.1f}"


def as_json(outcomes: Sequence[Outcome], run: Run) -> dict[str, Json]:
    """All figures of all sets."""
    sets = {
        each.made.name: {
            "note": each.made.note,
            "asked": each.made.asked,
            "made": len(each.made.items),
            "failures": plain(dict(each.made.failures)),
            "cpu_s": None if each.made.cpu_s is None else round(each.made.cpu_s, 1),
            "report": plain(each.report),
        }
        for each in outcomes
    }
    return {"run": plain(run), "sets": plain(sets)}


def page(outcomes: Sequence[Outcome], run: Run) -> str:
    """The page in Markdown."""
    rows = table(outcomes)
    lines = [
        "# Side by side",
        "",
        "Written by one command, which made all sets and judged them with the same"
        " code, un-relaxed:",
        "",
        f"    {run.command}",
        "",
        f"n = {run.n}, seed {run.seed}, weights {run.weights}; distances to"
        f" {run.n_reference} reference crystals, novelty against {run.n_train}"
        f" training crystals; {run.machine}. All figures:"
        " [side_by_side.json](side_by_side.json).",
        "",
        f"| {' | '.join(rows[0])} |",
        f"|---|{'--:|' * len(outcomes)}",
        *(f"| {' | '.join(row)} |" for row in rows[1:]),
        "",
        *(f"- **{each.made.name}**: {each.made.note}." for each in outcomes),
        "",
        "Shares are of the crystals made. Seconds are those of all processes, start"
        " and loading included. [What each figure means](../../docs/evaluation.md).",
        *_failures([each.made for each in outcomes]),
        "",
        *(line for name, about in PLOTS for line in (f"![{about}]({name})", "")),
        "## Published figures",
        "",
        "Of peers that do not run here, on another test split and judged by other"
        " programs: no ranking against the table above. Un-relaxed crystals were judged"
        " by the code of their authors; figures of relaxed ones are published, all by"
        " one evaluator.",
        "",
        *published_table(),
    ]
    return "\n".join(lines) + "\n"


def _failures(sets: Sequence[Made]) -> Iterator[str]:
    for made in sets:
        if made.failures:
            reasons = [f"{count} {why}" for why, count in made.failures.items()]
            yield f"Not made by {made.name}: {'; '.join(reasons)}."


def _percent(share: Share | None) -> str:
    return f"{share.percent:.1f}" if share else ABSENT


def _seconds(made: Made) -> str:
    if made.cpu_s is None or not made.items:
        return ABSENT
    return f"{made.cpu_s / len(made.items):.3f}"
