"""`crystalgen evaluate`: judge crystals, ours or another generator's."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

from crystalgen.cli.report import user_errors
from crystalgen.errors import DatasetError, ExportError

if TYPE_CHECKING:
    from crystalgen.evaluation.report import Report
    from crystalgen.evaluation.summary import Judged

ItemT = TypeVar("ItemT")


@user_errors
def evaluate(
    crystals: Annotated[
        str,
        typer.Argument(
            help="A run folder, a folder of CIF, POSCAR or extxyz files, a .csv(.gz)"
            " with a cif column, or an ASE database.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            help="Report to write, as JSON; a table with a line for each crystal goes"
            " beside it, report-crystals.jsonl and .csv."
        ),
    ] = None,
    reference: Annotated[
        str | None,
        typer.Option(
            help="Real crystals, for example a test set, to compare distributions"
            " with; of the same kinds, or a cache of `crystalgen data build`."
        ),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes; one for each core if unset.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the report as JSON, nothing else.")
    ] = False,
) -> None:
    """Judge crystals: validity, symmetry, distributions and novelty.

    A file that cannot be read counts as an invalid crystal and has its reason in the
    table.

    For example

    crystalgen evaluate crystals/

    crystalgen evaluate others.csv.gz --out report.json
    """
    check_place(out, crystals)
    judged, report = _judge(
        crystals, Task(reference=reference, workers=workers, is_quiet=as_json)
    )
    if out is not None:
        write(out, report, judged)
    _print(report, out, as_json=as_json)


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What to compare the crystals with, and how."""

    reference: str | None
    workers: int | None
    is_quiet: bool


def _judge(source: str, task: Task) -> "tuple[list[Judged], Report]":
    """Judge the crystals, and compare them with what there is to compare with."""
    # imported here because pymatgen costs a second that --help must not pay
    import crystalgen
    from crystalgen.cli import crystal_files
    from crystalgen.datasets.pool import available_cores
    from crystalgen.evaluation.assessment import Assessment
    from crystalgen.evaluation.distribution import Traits, distances
    from crystalgen.evaluation.report import Report
    from crystalgen.evaluation.summary import summarize

    console = Console(stderr=True, quiet=task.is_quiet)
    n_workers = task.workers or available_cores()
    items = crystal_files.open_crystals(source).items
    judging = crystal_files.judge_all(items, n_workers=n_workers)
    judged = list(_watched(judging, "judge", len(items), console))
    report = Report(
        source=source, crystalgen=crystalgen.__version__, summary=summarize(judged)
    )
    known = [each for each in judged if isinstance(each, Assessment)]
    if task.reference is not None and known:
        items = crystal_files.open_crystals(task.reference).items
        describing = crystal_files.describe_all(items, n_workers=n_workers)
        described = list(_watched(describing, "reference", len(items), console))
        traits = [each for each in described if isinstance(each, Traits)]
        if not traits:
            raise DatasetError(
                f"{task.reference}: none of {len(described)} crystals can be read;"
                f" the first: {described[0]}"
            )
        report = replace(
            report,
            reference=task.reference,
            distances=distances([each.traits for each in known], traits),
        )
    return judged, report


def check_place(out: Path | None, source: str) -> None:
    """Refuse a place where no report can be written, before the work is done.

    Raises:
        ExportError: It is a folder, its folder does not exist, or it is the source.
    """
    if out is None:
        return
    if out.is_dir():
        raise ExportError(f"{out}: a folder; expected the name of a file, report.json")
    if not out.parent.is_dir():
        raise ExportError(f"{out}: no such folder {out.parent}; create it first")
    if Path(source).resolve() in [each.resolve() for each in (out, *table_paths(out))]:
        raise ExportError(
            f"{out}: the report would replace the crystals in {source}; choose another"
            " name"
        )


def table_paths(out: Path) -> tuple[Path, Path]:
    """Where the tables of a report go, as JSON lines and as CSV."""
    stem = f"{out.stem}-crystals"
    return out.with_name(f"{stem}.jsonl"), out.with_name(f"{stem}.csv")


def write(out: Path, report: "Report", judged: "list[Judged]") -> None:
    """Write the tables and the report, each whole or not at all.

    Raises:
        ExportError: A file cannot be written.
    """
    from crystalgen.evaluation.report import to_json
    from crystalgen.evaluation.table import table_rows, to_csv, to_jsonl
    from crystalgen.export.run_folder import disk_error, write_whole

    rows = table_rows(judged)
    lines, table = table_paths(out)
    try:
        write_whole(lines, to_jsonl(rows))
        write_whole(table, to_csv(rows))
        write_whole(out, to_json(report))
    except OSError as error:
        raise disk_error(out.parent, error) from error


def _print(report: "Report", out: Path | None, *, as_json: bool) -> None:
    from crystalgen.cli.evaluation_table import figures_table, summary_table
    from crystalgen.evaluation.report import to_json

    if as_json:
        typer.echo(to_json(report), nl=False)
        return
    console = Console()
    for table in (summary_table(report), figures_table(report)):
        if table is not None:
            console.print(table)
    if out is not None:
        typer.echo(f"report: {out}; each crystal: {table_paths(out)[1]}")


def _watched(
    items: Iterable[ItemT], name: str, total: int, console: Console
) -> Iterable[ItemT]:
    """The items, with a progress bar if somebody is looking."""
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=console.quiet or not console.is_terminal,
    )
    with bar:
        yield from bar.track(items, total=total, description=name)
