"""`crystalgen data`: build, split, list and show the caches that training reads."""

import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import DownloadColumn, Progress
from rich.table import Table

from crystalgen.cli.data_split import split as split_into_parts
from crystalgen.cli.report import user_errors
from crystalgen.datasets.catalog import (
    CATALOG,
    EMBEDDED,
    Dataset,
    EmbeddedDataset,
    Split,
    find_dataset,
)
from crystalgen.errors import DatasetError

if TYPE_CHECKING:
    from crystalgen.datasets.build import Collection, Conversion
    from crystalgen.datasets.cache import CacheInfo
    from crystalgen.datasets.entry import Source

app = typer.Typer(
    help="Turn crystals from anywhere into a cache for training.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)


@app.command()
@user_errors
def build(
    source: Annotated[
        str,
        typer.Argument(
            help="A name from `data list`, a .csv(.gz) with a cif column, a folder of"
            " CIF, POSCAR or extxyz files, or an ASE database."
        ),
    ],
    out: Annotated[Path, typer.Option(help="The cache to write, one file.")],
    split: Annotated[
        Split, typer.Option(help="Which part of a named data set.")
    ] = Split.TRAIN,
    file: Annotated[
        Path | None,
        typer.Option("--from", help="Read a named data set from this file instead."),
    ] = None,
    symprec: Annotated[float, typer.Option(help="Tolerance for symmetry in Å.")] = 0.1,
    max_atoms: Annotated[
        int | None,
        typer.Option(min=1, help="Most atoms in a primitive cell; no limit if unset."),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes; one for each core if unset.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the summary as JSON.")
    ] = False,
) -> None:
    """Read crystals, find their symmetry and write them to one cache."""
    # imported here because pymatgen costs a second that --help must not pay
    from crystalgen.datasets.build import Conversion
    from crystalgen.datasets.pool import available_cores
    from crystalgen.datasets.store import check_place, store

    start = time.monotonic()
    conversion = Conversion(symprec=symprec, max_atoms=max_atoms)
    check_place(out)
    console = Console(stderr=True, quiet=as_json)
    opened = _open(source, split, file, console)
    n_workers = workers or available_cores()
    collection = _convert(opened, conversion, n_workers, console)
    info = store(collection, opened, conversion, out)
    _report_build(info, out, time.monotonic() - start, as_json=as_json)


def _open(name: str, split: Split, file: Path | None, console: Console) -> "Source":
    """Open a source by name or path, downloading it if need be."""
    from crystalgen.datasets.sources import catalogued_source, local_source

    dataset = find_dataset(name)
    if dataset is None:
        if file is not None:
            raise DatasetError(
                f"--from {file}: {name!r} is not a named data set, so there is nothing"
                " to read in its place; pass the file itself as the source"
            )
        return local_source(name)
    if file is None:
        return _fetched(dataset, split, console)
    opened = catalogued_source(dataset, split, file)
    if opened.sha256 != dataset.file(split).sha256:
        console.print(
            f"{file}: not verified as the published {opened.name}:"
            f" SHA-256 {opened.sha256}",
            soft_wrap=True,
        )
    return opened


def _fetched(dataset: Dataset, split: Split, console: Console) -> "Source":
    """The file of the catalogue, from an earlier download if it is still right."""
    from crystalgen.datasets.download import download, download_folder
    from crystalgen.datasets.sources import catalogued_source, check_sha256

    published = dataset.file(split)
    path = download_folder() / f"{dataset.name}-{split}.csv"
    if not path.exists():
        columns = (*Progress.get_default_columns(), DownloadColumn())
        with Progress(*columns, console=console) as bar:
            task = bar.add_task(f"download {dataset.name}/{split}", total=None)
            for step in download(published.url, path):
                bar.update(task, completed=step.done, total=step.total)
    opened = catalogued_source(dataset, split, path)
    try:
        check_sha256(opened, published.sha256)
    except DatasetError:
        path.unlink()  # the next run shall not find it
        raise
    if not published.sha256:
        console.print(f"{opened.name}: SHA-256 {opened.sha256}", soft_wrap=True)
    return opened


def _convert(
    source: "Source", conversion: "Conversion", n_workers: int, console: Console
) -> "Collection":
    from crystalgen.datasets.build import collect, convert_entries

    results = convert_entries(source, conversion, n_workers=n_workers)
    with Progress(console=console) as bar:
        return collect(
            bar.track(results, total=source.n_entries, description=source.name)
        )


def _report_build(
    info: "CacheInfo", out: Path, seconds: float, *, as_json: bool
) -> None:
    from crystalgen.datasets.store import rejected_path

    n_bytes = out.stat().st_size
    if as_json:
        figures = {"cache": str(out), "bytes": n_bytes, "seconds": round(seconds, 3)}
        typer.echo(json.dumps({**asdict(info), **figures}))
        return
    n_rejected = sum(info.rejected.values())
    rows = [
        ("read", f"{info.n_read:,}"),
        ("kept", f"{info.n_kept:,}"),
        ("rejected", f"{n_rejected:,}"),
        *((f"  {reason}", f"{count:,}") for reason, count in info.rejected.items()),
        ("seconds", f"{seconds:.1f}"),
        ("cache", f"{out} ({n_bytes / 1e6:.1f} MB)"),
    ]
    if n_rejected:
        rows.append(("reasons", str(rejected_path(out))))
    _print_rows(info.source, rows)


app.command("split")(split_into_parts)


@app.command("list")
@user_errors
def list_datasets(
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """List the data sets known by name, with licence and citation."""
    if as_json:
        known = [asdict(EMBEDDED), *(asdict(dataset) for dataset in CATALOG)]
        typer.echo(json.dumps(known))
        return
    table = Table("name", "train / val / test")
    table.add_column("content, licence, citation", overflow="fold")
    table.add_row(EMBEDDED.name, f"{EMBEDDED.n_entries:,}", _about(EMBEDDED))
    for dataset in CATALOG:
        sizes = [f"{dataset.file(split).n_entries:,}" for split in Split]
        table.add_section()
        table.add_row(dataset.name, " / ".join(sizes), _about(dataset))
    Console().print(table)


def _about(dataset: Dataset | EmbeddedDataset) -> str:
    return f"{dataset.content}\n{dataset.license}\n{dataset.citation}"


@app.command()
@user_errors
def show(
    cache: Annotated[Path, typer.Argument(help="A cache that `data build` wrote.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Show what is in a cache and where it comes from."""
    from crystalgen.datasets.cache import read_cache, read_cache_info
    from crystalgen.datasets.summary import summarize

    info = read_cache_info(cache)
    summary = summarize(*read_cache(cache))
    if as_json:
        typer.echo(json.dumps({**asdict(info), **asdict(summary)}))
        return
    rows = [
        ("source", info.source),
        ("licence", info.license),
        ("citation", info.citation or "none given"),
        ("source SHA-256", info.source_sha256 or "none"),
        ("crystals", f"{summary.n_crystals:,} of {info.n_read:,} read"),
        *((f"  {reason}", f"{n:,}") for reason, n in info.rejected.items()),
        ("elements", str(summary.n_elements)),
        ("space groups", str(summary.n_space_groups)),
        ("orbits", f"{summary.n_orbits:,}, at most {summary.max_orbits} in a crystal"),
        ("edges", f"{summary.n_edges:,}, {info.n_neighbours} for each orbit"),
        ("symprec", f"{info.symprec} Å"),
        ("written by", f"crystalgen {info.package_version}"),
        *(
            (item.name, f"{item.n_known:,} known, {item.low:.4g} to {item.high:.4g}")
            for item in summary.labels
        ),
    ]
    _print_rows(str(cache), rows)


def _print_rows(title: str, rows: list[tuple[str, str]]) -> None:
    table = Table(title=title, show_header=False, title_justify="left")
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for row in rows:
        table.add_row(*row)
    Console().print(table)
