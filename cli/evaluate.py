"""`crystalgen evaluate`: judge crystals, ours or another generator's."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from crystalgen.cli.report import user_errors
from crystalgen.errors import ExportError

if TYPE_CHECKING:
    from crystalgen.cli.evaluation_steps import Evaluation
    from crystalgen.evaluation.report import Report


class DataSet(StrEnum):
    """Data sets that CDVAE has cut-offs for."""

    MP_20 = "mp-20"
    PEROV_5 = "perov-5"
    CARBON_24 = "carbon-24"


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
    train: Annotated[
        str | None,
        typer.Option(
            help="Crystals known already, usually the training set, to say what is"
            " new; a cache of `crystalgen data build` saves minutes."
        ),
    ] = None,
    truth: Annotated[
        str | None,
        typer.Option(
            help="The crystals that yours were made for, as in structure prediction;"
            " of the same kinds. Crystals of one identifier (of a file, its bare name)"
            " are paired: match rate and RMSE, also of the best if there are several"
            " for one. METRe and cRMSE need no pairs, only a common formula."
        ),
    ] = None,
    coverage: Annotated[
        DataSet | None,
        typer.Option(
            help="Also compare fingerprints with the reference, COV-R and COV-P with"
            " CDVAE's cut-offs for this data set; slow, needs the extra evaluate."
        ),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes; one for each core if unset.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the report as JSON, nothing else.")
    ] = False,
) -> None:
    """Judge crystals: validity, symmetry, distributions, novelty, hits of given ones.

    A file that cannot be read counts as an invalid crystal and has its reason in the
    table.

    For example

    crystalgen evaluate crystals/

    crystalgen evaluate others.csv.gz --reference test.csv.gz --out report.json

    crystalgen evaluate crystals/ --reference test.csv.gz --coverage mp-20

    crystalgen evaluate predicted/ --truth test.csv.gz
    """
    if coverage and reference is None:
        raise typer.BadParameter(
            "needs --reference, the crystals to cover", param_hint="'--coverage'"
        )
    check_place(out, crystals)
    # imported here because pymatgen costs a second that --help must not pay
    from crystalgen.cli.evaluation_steps import Plan, evaluate_crystals
    from crystalgen.datasets.pool import available_cores
    from crystalgen.evaluation.coverage import CUTOFFS

    plan = Plan(
        crystals=crystals,
        reference=reference,
        train=train,
        truth=truth,
        cutoffs=CUTOFFS[coverage.value] if coverage else None,
        n_workers=workers or available_cores(),
        console=Console(stderr=True, quiet=as_json),
    )
    evaluation = evaluate_crystals(plan)
    if out is not None:
        write(out, evaluation)
    _print(evaluation.report, out, as_json=as_json)


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


def write(out: Path, evaluation: "Evaluation") -> None:
    """Write the tables and the report, each whole or not at all.

    Raises:
        ExportError: A file cannot be written.
    """
    from crystalgen.evaluation.report import to_json
    from crystalgen.evaluation.table import table_rows, to_csv, to_jsonl
    from crystalgen.export.run_folder import disk_error, write_whole

    rows = table_rows(evaluation.judged, evaluation.repeats, evaluation.standings)
    lines, table = table_paths(out)
    try:
        write_whole(lines, to_jsonl(rows))
        write_whole(table, to_csv(rows))
        write_whole(out, to_json(evaluation.report))
    except OSError as error:
        raise disk_error(out.parent, error) from error


def _print(report: "Report", out: Path | None, *, as_json: bool) -> None:
    from crystalgen.cli.evaluation_table import tables
    from crystalgen.evaluation.report import to_json

    if as_json:
        typer.echo(to_json(report), nl=False)
        return
    console = Console()
    for table in tables(report):
        console.print(table)
    if out is not None:
        typer.echo(f"report: {out}; each crystal: {table_paths(out)[1]}")
