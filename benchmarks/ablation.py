"""What each part of the model is worth: short runs that differ in one part alone.

    crystalgen data build mp-20 --split train --out mp-20-train.safetensors
    crystalgen data build mp-20 --split val --out mp-20-val.safetensors
    python benchmarks/ablation.py examples/mp-20.toml --train mp-20-train.safetensors \
        --val mp-20-val.safetensors --steps 800 --out runs/ablation

All variants share crystals, seed, steps and the code that measures them. Each trains
into OUT/NAME and leaves its figures in OUT/NAME.json; whatever is there already is not
done again, so the same command goes on after an interruption. Parts of the drawing are
left out of the full model without training. OUT/ablation.md is made from all figures
that there are, and they are printed as JSON.
"""

import argparse
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import Progress

from ablation_figures import (
    Figures,
    figures_of_drawing,
    figures_of_training,
    from_json,
    table,
    to_json,
)
from ablation_variants import DRAWINGS, trained_variants
from command_line import run, shown_command
from crystalgen.cli.run_file import read_run_file
from crystalgen.config import as_plain
from crystalgen.datasets.cache import read_cache, read_cache_info
from crystalgen.datasets.pool import available_cores
from crystalgen.export.run_folder import write_whole
from crystalgen.generation import Generator
from crystalgen.graphs.table import GraphTable
from crystalgen.representation.table import CrystalTable
from crystalgen.training.fit import Report
from crystalgen.training.folder import MODEL
from crystalgen.training.interrupt import stop_on_signals
from crystalgen.training.run import RunConfig, Tables, train_run

SETTINGS = "settings.json"
TABLE = "ablation.md"


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """What all variants share."""

    out: Path
    """Folder of the runs and figures."""
    base: RunConfig
    """Settings of the full model."""
    train: Tables
    """To train on."""
    val: Tables
    """To validate on and to reconstruct."""
    n: int
    """Raw draws of each variant."""
    seed: int
    """Of the raw draws."""
    workers: int
    """Processes that compare reconstructions."""


def main() -> None:
    """Train, measure, write the table, print the figures."""
    arguments = parse()
    torch.set_num_threads(1)  # small matrices: a second thread gains nothing
    study = begin(arguments)
    for name in arguments.only or names(study.base):
        if not figures_path(study.out, name).exists():
            measure(study, name)
        write_table(study)
    figures = {name: asdict(each) for name, each in found_figures(study).items()}
    print(json.dumps(figures, indent=2))  # noqa: T201


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("settings", type=Path, help="the run file of the full model")
    parser.add_argument("--train", type=Path, required=True, help="a cache")
    parser.add_argument("--val", type=Path, required=True, help="a cache")
    parser.add_argument("--out", type=Path, default=Path("runs/ablation"))
    parser.add_argument("--steps", type=int, default=800)
    parser.add_argument("--crystals", type=int, help="only the first of each cache")
    parser.add_argument("--n", type=int, default=1000, help="raw draws of a variant")
    parser.add_argument("--seed", type=int, default=0, help="of the raw draws")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="some variants")
    parser.add_argument("--workers", type=int, default=available_cores())
    return parser.parse_args()


def begin(arguments: argparse.Namespace) -> Study:
    """Read settings and crystals; refuse a folder of another study."""
    run = read_run_file(arguments.settings).run
    base = replace(run, train=replace(run.train, steps=arguments.steps))
    unknown = sorted(set(arguments.only or ()) - set(names(base)))
    if unknown:
        raise SystemExit(
            f"ablation: --only: got {unknown[0]!r}; known are {', '.join(names(base))}"
        )
    settings: dict[str, object] = {"command": shown_command()}
    for layer in ("model", "objective", "train"):
        plain = as_plain(getattr(base, layer))
        settings |= {f"[{layer}] {name}": value for name, value in plain.items()}
    for name in ("crystals", "n", "seed"):
        settings[f"--{name}"] = getattr(arguments, name)
    for name in ("train", "val"):
        settings[f"--{name}"] = read_cache_info(getattr(arguments, name)).source_sha256
    remember(arguments.out, settings)
    return Study(
        out=arguments.out,
        base=base,
        train=first(read_cache(arguments.train), arguments.crystals),
        val=first(read_cache(arguments.val), arguments.crystals),
        n=arguments.n,
        seed=arguments.seed,
        workers=arguments.workers,
    )


def remember(out: Path, settings: dict[str, object]) -> None:
    """Keep the settings of a study in its folder, or compare them with those there."""
    path = out / SETTINGS
    if not path.exists():
        out.mkdir(parents=True, exist_ok=True)
        write_whole(path, json.dumps(settings, indent=2))
        return
    kept = json.loads(path.read_text(encoding="utf-8"))
    for name, value in settings.items():
        if name != "command" and kept.get(name) != value:
            raise SystemExit(
                f"ablation: {path}: {name} was {kept.get(name)}, is now {value}; "
                "set it back, or choose another --out"
            )


def first(tables: Tables, n: int | None) -> Tables:
    """The first crystals of a cache, or all of them."""
    crystals, graphs = tables
    if n is None or n >= len(crystals):
        return tables
    return (
        CrystalTable.from_crystals(
            [crystals.crystal(index) for index in range(n)],
            identifiers=list(crystals.identifiers[:n]),
        ),
        GraphTable.from_graphs(graphs.graph(index) for index in range(n)),
    )


def names(base: RunConfig) -> tuple[str, ...]:
    """All variants, in the order of the table."""
    return (*trained_variants(base), *DRAWINGS)


def figures_path(out: Path, name: str) -> Path:
    """Where the figures of a variant are."""
    return out / f"{name}.json"


def measure(study: Study, name: str) -> None:
    """Train a variant, as far as that is not done, and write down its figures."""
    if name in DRAWINGS:
        if not figures_path(study.out, "full").exists():
            raise SystemExit(f"ablation: {name} needs the full model; train it first")
        weights = Generator.load(study.out / "full" / MODEL).weights
        figures = figures_of_drawing(
            DRAWINGS[name], weights, n=study.n, seed=study.seed
        )
    else:
        variant = trained_variants(study.base)[name]
        folder = study.out / name
        train(study, variant.config, folder)
        figures = figures_of_training(
            variant.meaning,
            folder,
            study.val[0],
            n=study.n,
            seed=study.seed,
            workers=study.workers,
        )
    write_whole(figures_path(study.out, name), to_json(figures))


def train(study: Study, config: RunConfig, folder: Path) -> None:
    """Train a variant, or go on with it; end the program if a signal says so."""
    with stop_on_signals() as stop:
        reports = train_run(
            config, study.train, study.val, folder, resume=True, stop=stop
        )
        last = watched(reports, folder.name)
        if last is not None and last.is_stopped:
            line = f"stopped and saved at step {last.step}; the same command goes on"
            Console(stderr=True).print(line)
            raise SystemExit(128 + stop())


def watched(reports: Iterable[Report], name: str) -> Report | None:
    """Follow a run by a bar; its last report, None if it was complete before."""
    last = None
    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task(f"train {name}", total=1.0)
        for last in reports:
            progress.update(task, completed=last.progress)
    return last


def found_figures(study: Study) -> dict[str, Figures]:
    """Figures that there are, in the order of the table."""
    paths = {name: figures_path(study.out, name) for name in names(study.base)}
    return {
        name: from_json(path.read_text(encoding="utf-8"))
        for name, path in paths.items()
        if path.exists()
    }


def write_table(study: Study) -> None:
    """Make the table from all figures that there are."""
    settings = json.loads((study.out / SETTINGS).read_text(encoding="utf-8"))
    head = (
        f"`{settings['command']}`\n\n{study.base.train.steps} steps on "
        f"{len(study.train[0]):,} crystals, seed {study.base.train.seed}; "
        f"{len(study.val[0]):,} crystals reconstructed; {study.n:,} raw draws, "
        f"seed {study.seed}."
    )
    write_whole(study.out / TABLE, table(found_figures(study), head))


if __name__ == "__main__":
    run(main)
