"""The judged crystals as a table, a line for each, in JSON and in CSV."""

import csv
import json
from collections.abc import Sequence
from io import StringIO

from crystalgen.evaluation.assessment import Assessment
from crystalgen.evaluation.groups import SYMPRECS
from crystalgen.evaluation.novelty import Standing
from crystalgen.evaluation.summary import Judged, Rejected

Value = str | int | float | bool | None
Row = dict[str, Value]


def table_rows(
    judged: Sequence[Judged],
    repeats: Sequence[str | None],
    standings: Sequence[Standing | None],
) -> list[Row]:
    """One row per crystal, all with the same columns; empty ones are None.

    Args:
        judged: All crystals of a set.
        repeats: The earlier crystal of the set that each repeats, if any.
        standings: How each relates to the known crystals, if that was asked.
    """
    return [
        _row(each) | {"repeats": repeat} | _provenance(place)
        for each, repeat, place in zip(judged, repeats, standings, strict=True)
    ]


def to_jsonl(rows: Sequence[Row]) -> str:
    """The table as one JSON object per line."""
    return "".join(json.dumps(row, allow_nan=False) + "\n" for row in rows)


def to_csv(rows: Sequence[Row]) -> str:
    """The table as CSV with a header; None is an empty field."""
    text = StringIO()
    writer = csv.DictWriter(text, list(rows[0]) if rows else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _row(judged: Judged) -> Row:
    found = judged if isinstance(judged, Assessment) else None
    verdict = found.verdict if found else None
    labels = found.labels if found else None
    matches = found.group_matches if found and found.group_matches else ()
    by_symprec: Row = {
        f"group_at_{symprec}": matches[place].value if matches else None
        for place, symprec in enumerate(SYMPRECS)
    }
    return {
        "id": judged.identifier,
        "reason": judged.reason if isinstance(judged, Rejected) else None,
        "formula": found and found.formula,
        "n_atoms": found and found.n_atoms,
        "n_elements": found and found.n_elements,
        "density": found and round(found.density, 6),
        "space_group": found and found.space_group,
        "asked_group": found and found.asked_group,
        **by_symprec,
        "lemat_valid": verdict and verdict.is_valid,
        "lemat_strictly_valid": verdict and verdict.is_valid_strictly,
        "charge": verdict and verdict.charge.name.lower(),
        "is_spaced": verdict and verdict.is_spaced,
        "is_plausible": verdict and verdict.is_plausible,
        "cdvae_structure_valid": found and found.is_separated,
        "cdvae_composition_valid": found and found.is_smact_valid,
        "n_lone_atoms": found and found.n_lone_atoms,
        "template": labels and labels.template,
        "framework": labels and labels.framework,
        "protostructure": labels and labels.protostructure,
    }


def _provenance(place: Standing | None) -> Row:
    return {
        "provenance": place and place.provenance.value,
        "origin": place and place.origin,
        "is_novel": place and place.is_novel,
        "is_novel_by_label": place and place.is_new_by_label,
        "is_new_template": place and place.is_new_template,
    }
