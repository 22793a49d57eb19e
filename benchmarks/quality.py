"""How good the crystals of a run are, un-relaxed.

    crystalgen generate --n 1000 --out run
    python benchmarks/quality.py run --reference test.csv.gz --train train.csv.gz

Validity is LeMat-GenBench's: complete, and strictly (without guessing oxidation states
from the composition), as most published figures are. Distances of distributions are
Wasserstein distances to the reference. The groups are found by spglib in the CIFs as
pymatgen reads them. A crystal is novel if pymatgen's StructureMatcher, with its default
tolerances, matches it to no training crystal.

`crystalgen evaluate` gives these figures and more, but describes all training crystals;
here those of other formulas are passed over.
"""

import argparse
import json
import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from pymatgen.core import Composition, Structure
from pymatgen.io.cif import CifParser
from rich.console import Console
from rich.progress import track
from rich.table import Table

from command_line import run
from crystalgen.datasets.csv import csv_source
from crystalgen.datasets.entry import FileText, Source
from crystalgen.datasets.pool import Lost, available_cores, survive_map
from crystalgen.evaluation.assessment import Assessment, assess, describe
from crystalgen.evaluation.distribution import Traits, distances as distances_to
from crystalgen.evaluation.groups import SYMPRECS, GroupMatch
from crystalgen.evaluation.matching import first_equals, is_known
from crystalgen.export.formats import FILE_NAMES, Format
from crystalgen.export.record import CrystalRecord
from crystalgen.export.run_folder import read_manifest, read_records
from crystalgen.representation.conversion import to_structure

FORMULA = re.compile(r"^_chemical_formula_sum\s+'?([^'\n]+)'?", re.MULTILINE)


TaskT = TypeVar("TaskT")
AnswerT = TypeVar("AnswerT")


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What is found out about one crystal."""

    assessment: Assessment
    is_novel: bool


def main() -> None:
    """Judge a run and print a table, or one JSON object."""
    parser = argparse.ArgumentParser(description="Judge the crystals of a run.")
    parser.add_argument("run", type=Path, help="folder with CIFs")
    parser.add_argument("--reference", type=Path, required=True, help="CSV with CIFs")
    parser.add_argument("--train", type=Path, required=True, help="CSV with CIFs")
    parser.add_argument("--n", type=int, help="only the first N crystals")
    parser.add_argument("--workers", type=int, default=available_cores())
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    records = list(read_records(arguments.run))[: arguments.n]
    structures = [to_structure(record.crystal) for record in records]
    known = training_texts(
        arguments.train, {each.composition.reduced_formula for each in structures}
    )
    paths = [
        arguments.run / FILE_NAMES[Format.CIF].format(id=record.identifier)
        for record in records
    ]
    texts = [known.get(each.composition.reduced_formula, ()) for each in structures]
    tasks = zip(records, paths, texts, strict=True)
    judged = in_parallel(
        judge_record,
        tasks,
        n_tasks=len(records),
        n_workers=arguments.workers,
        name="judge",
    )
    is_unique = np.array(
        [index == first for index, first in enumerate(first_equals(structures))]
    )
    result = {
        "weights": read_manifest(arguments.run).weights_sha256[:12],
        "n": len(records),
        **shares(records, judged, is_unique),
        **distances(judged, arguments.reference, arguments.workers),
    }
    show(result, as_json=arguments.json)


def judge_record(task: tuple[CrystalRecord, Path, Sequence[str]]) -> Judged:
    """Judge one crystal of a run, its group by its CIF."""
    record, path, known = task
    structure = to_structure(record.crystal)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assessment = assess(
            record.identifier,
            structure,
            asked_group=record.crystal.space_group,
            as_written=parse(path.read_text(encoding="utf-8")),
            crystal=record.crystal,
        )
    is_novel = not is_known(structure, map(parse, known))
    return Judged(assessment=assessment, is_novel=is_novel)


def parse(text: str) -> Structure:
    """Read a CIF by pymatgen, without its remarks."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        [structure] = CifParser.from_str(text).parse_structures(primitive=False)
    return structure


def training_texts(path: Path, formulas: set[str]) -> dict[str, list[str]]:
    """CIFs of the training crystals that have one of the reduced formulas."""
    texts: dict[str, list[str]] = {}
    source = csv_source(path)
    for text in watched(cifs(source), "training set", total=source.n_entries):
        match = FORMULA.search(text)
        if match is None:
            raise SystemExit(f"{path}: a CIF has no _chemical_formula_sum")
        formula = Composition(match[1]).reduced_formula
        if formula in formulas:
            texts.setdefault(formula, []).append(text)
    return texts


def describe_text(text: str) -> Traits:
    """What distributions need of a CIF."""
    return describe(parse(text), crystal=None)


def shares(
    records: list[CrystalRecord], judged: list[Judged], is_unique: np.ndarray
) -> dict[str, float]:
    """Shares of the crystals that pass each check, in percent."""
    assessments = [each.assessment for each in judged]
    verdicts = [each.verdict for each in assessments]
    strictly = np.array([each.is_valid_strictly for each in verdicts])
    novel = np.array([each.is_novel for each in judged])
    passed = {
        "valid strictly (published figures)": strictly,
        "valid (LeMat-GenBench complete)": [each.is_valid for each in verdicts],
        "  neutral strictly": [each.is_neutral_strictly for each in verdicts],
        "  neutral": [each.is_neutral for each in verdicts],
        "  spaced": [each.is_spaced for each in verdicts],
        "  plausible": [each.is_plausible for each in verdicts],
        "unique": is_unique,
        "novel": novel,
        "valid strictly, unique and novel": strictly & is_unique & novel,
        **{
            f"group kept at symprec {symprec}": [
                each.group_matches[i] is GroupMatch.KEPT for each in assessments
            ]
            for i, symprec in enumerate(SYMPRECS)
        },
        "P1": [record.crystal.space_group == 1 for record in records],
    }
    return {
        f"{name} %": round(100 * float(np.mean(each)), 2)
        for name, each in passed.items()
    }


def distances(
    judged: list[Judged], reference: Path, n_workers: int
) -> dict[str, float]:
    """Wasserstein distances of densities and element counts to the reference."""
    source = csv_source(reference)
    found = in_parallel(
        describe_text,
        cifs(source),
        n_tasks=source.n_entries,
        n_workers=n_workers,
        name="reference",
    )
    away = distances_to([each.assessment.traits for each in judged], found)
    return {
        "W(density) g/cm³": round(away.density, 4),
        "W(number of elements)": round(away.n_elements, 4),
    }


def show(result: dict[str, float], *, as_json: bool) -> None:
    """Print the figures."""
    if as_json:
        Console().print_json(json.dumps(result))
        return
    table = Table("figure", "value")
    for name, value in result.items():
        table.add_row(name, str(value))
    Console().print(table)


def cifs(source: Source) -> Iterator[str]:
    """The text of each CIF of a table."""
    for entry in source.entries():
        if isinstance(entry.payload, FileText):
            yield entry.payload.text


def in_parallel(
    function: Callable[[TaskT], AnswerT],
    tasks: Iterable[TaskT],
    *,
    n_tasks: int,
    n_workers: int,
    name: str,
) -> list[AnswerT]:
    """Answers in the order of the tasks, with a progress bar."""
    answers = []
    results = survive_map(function, tasks, n_workers=n_workers)
    for answer in watched(results, name, total=n_tasks):
        if isinstance(answer, Lost):
            raise SystemExit(f"{name}: {answer.reason}")
        answers.append(answer)
    return answers


def watched(items: Iterable[AnswerT], name: str, *, total: int) -> Iterable[AnswerT]:
    """The items, with a progress bar beside the output."""
    return track(items, name, total=total, console=Console(stderr=True))


if __name__ == "__main__":
    run(main)
