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


def figures_table(report: Report) -> Table | None:
    """Figures that are no shares; None if there are none."""
    rows = list(_figures(report))
    if not rows:
        return None
    table = Table(title=f"against {report.reference}", title_justify="left")
    table.add_column("figure", no_wrap=True)
    table.add_column("value", justify="right")
    for row in rows:
        table.add_row(*row)
    return table


def _figures(report: Report) -> Iterator[tuple[str, str]]:
    distances = report.distances
    if distances is not None:
        yield "W(density), g/cm³", f"{distances.density:.4f}"
        yield "W(number of elements)", f"{distances.n_elements:.4f}"
        yield "JSD(space groups), bits", f"{distances.space_group_bits:.4f}"
        yield "crystals compared", f"{distances.n_sample} with {distances.n_reference}"


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
