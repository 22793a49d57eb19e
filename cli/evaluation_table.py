"""The figures of an evaluation as tables to print."""

from collections.abc import Iterator

from rich.table import Table

from crystalgen.evaluation.novelty import Novelty
from crystalgen.evaluation.reconstruction import Matches, Reconstruction
from crystalgen.evaluation.report import Report
from crystalgen.evaluation.summary import Share


def tables(report: Report) -> Iterator[Table]:
    """The figures of a report, a table for each thing it was compared with."""
    yield _shares_table(report)
    if report.distances is not None:
        yield _distances_table(report)
    if report.novelty is not None:
        yield _classes_table(report.novelty)
    if report.reconstruction is not None:
        yield _truth_table(report.reconstruction, f"hits of {report.truth}")


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
    yield "no atom 6 Å from all others", validity.whole
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


def _truth_table(found: Reconstruction, title: str) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column("figure", no_wrap=True)
    for name in ("%", "true crystals", "RMSE", "cRMSE"):
        table.add_column(name, justify="right")
    if found.paired is not None:
        paired = found.paired
        counts = f"{paired.count} of {paired.of}"
        table.add_row("paired by identifier", _percent(paired), counts, "", "")
    for name, figures in _hits(found):
        matched = figures.matched
        counts = f"{matched.count} of {matched.of}"
        rmse = f"{figures.rmse:.4f}" if matched.count else "-"
        table.add_row(name, _percent(matched), counts, rmse, f"{figures.crmse:.4f}")
    return table


def _hits(found: Reconstruction) -> Iterator[tuple[str, Matches]]:
    if found.first is not None:
        yield "match rate", found.first
    if found.best is not None and found.n_draws > 1:
        yield f"match rate, best of {found.n_draws}", found.best
    yield "METRe (any crystal of its formula)", found.metre


def _percent(share: Share) -> str:
    return f"{share.percent:.2f}" if share.of else "-"
