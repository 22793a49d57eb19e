"""The figures of an evaluation as tables to print."""

from collections.abc import Iterator

from rich.table import Table

from crystalgen.evaluation.novelty import Novelty
from crystalgen.evaluation.report import Report
from crystalgen.evaluation.summary import Share


def tables(report: Report) -> Iterator[Table]:
    """The figures of a report: all crystals, the distributions, where they are from."""
    yield _shares_table(report)
    if report.distances is not None:
        yield _distances_table(report)
    if report.novelty is not None:
        yield _classes_table(report.novelty)


def _shares_table(report: Report) -> Table:
    table = Table(title=report.source, title_justify="left")
    table.add_column("figure", no_wrap=True)
    table.add_column("%", justify="right")
    table.add_column("crystals", justify="right")
    for name, share in _shares(report):
        table.add_row(name, _percent(share), f"{share.count} of {share.of}")
    if report.novelty is not None:
        per_1000 = f"{report.novelty.new_templates_per_1000:.1f}"
        table.add_row("new templates per 1,000", "", per_1000)
    return table


def _shares(report: Report) -> Iterator[tuple[str, Share]]:
    summary = report.summary
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
    yield "unique", report.unique
    if report.novelty is not None:
        yield "novel", report.novelty.novel
        yield "novel by label", report.novelty.novel_by_label
        yield "valid, unique and novel", report.novelty.valid_unique_novel
        strictly = report.novelty.strictly_valid_unique_novel
        yield "valid strictly, unique and novel", strictly


def _distances_table(report: Report) -> Table:
    table = Table(title=f"against {report.reference}", title_justify="left")
    table.add_column("figure", no_wrap=True)
    table.add_column("value", justify="right")
    found = report.distances
    if found is not None:
        table.add_row("W(density), g/cm³", f"{found.density:.4f}")
        table.add_row("W(number of elements)", f"{found.n_elements:.4f}")
        table.add_row("JSD(space groups), bits", f"{found.space_group_bits:.4f}")
        table.add_row("crystals compared", f"{found.n_sample} with {found.n_reference}")
    if report.coverage is not None:
        table.add_row("COV-R, %", f"{100 * report.coverage.recall:.2f}")
        table.add_row("COV-P, %", f"{100 * report.coverage.precision:.2f}")
    return table


def _classes_table(novelty: Novelty) -> Table:
    title = f"provenance, against {novelty.n_known} known crystals"
    table = Table(title=title, title_justify="left")
    table.add_column("class", no_wrap=True)
    table.add_column("crystals", justify="right")
    for name in ("% of all", "LeMat %", "strictly %", "CDVAE %"):
        table.add_column(name, justify="right")
    for name, members in (
        ("duplicate", novelty.duplicates),
        ("substitution", novelty.substitutions),
        ("new framework", novelty.new_frameworks),
        ("undescribed", novelty.undescribed),
        ("all novel", novelty.among_novel),
        ("of new templates", novelty.among_new_templates),
    ):
        shares = (members.crystals, members.lemat, members.lemat_strict, members.cdvae)
        count = str(members.crystals.count)
        table.add_row(name, count, *(_percent(each) for each in shares))
    return table


def _percent(share: Share) -> str:
    return f"{share.percent:.2f}" if share.of else "-"
