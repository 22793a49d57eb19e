"""The figures of an evaluation as a table to print."""

from collections.abc import Iterator

from rich.table import Table

from crystalgen.evaluation.report import Report
from crystalgen.evaluation.summary import Share, Summary


def summary_table(report: Report) -> Table:
    """The figures of a report, a line for each."""
    summary = report.summary
    table = Table(title=report.source, title_justify="left")
    table.add_column("figure", no_wrap=True)
    table.add_column("%", justify="right")
    table.add_column("crystals", justify="right")
    for name, share in _shares(summary):
        table.add_row(name, f"{share.percent:.2f}", f"{share.count} of {share.of}")
    return table


def _shares(summary: Summary) -> Iterator[tuple[str, Share]]:
    validity = summary.validity
    yield "judged", summary.judged
    yield "valid (LeMat-GenBench complete)", validity.lemat
    yield "valid strictly (most published figures)", validity.lemat_strict
    yield "  neutral", validity.neutral
    yield "  neutral strictly", validity.neutral_strict
    yield "  spaced", validity.spaced
    yield "  plausible", validity.plausible
    yield "valid (CDVAE)", validity.cdvae
    yield "  structure", validity.cdvae_structure
    yield "  composition (SMACT)", validity.cdvae_composition
    for shares in summary.groups:
        yield f"group kept at {shares.symprec} Å", shares.kept
        yield "  a supergroup", shares.supergroup
        yield "  another", shares.other
        yield "  none found", shares.none_found
    yield "P1", summary.p1
