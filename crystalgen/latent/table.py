"""Codes, walks and maps as rows of a table, all rows with the same columns."""

import math
from collections.abc import Sequence

from crystalgen.latent.mapping import LatentMap
from crystalgen.latent.reading import Reading
from crystalgen.latent.steps import Step, Walk, volume_per_atom
from crystalgen.representation.crystal import SymmetricCrystal
from crystalgen.representation.elements import SYMBOLS
from crystalgen.symmetry.wyckoff import LETTERS

Value = str | int | float | bool | None
Row = dict[str, Value]

DIGITS = 6
"""Decimals of likelihoods and bits."""


def code_rows(identifiers: Sequence[str], readings: Sequence[Reading]) -> list[Row]:
    """One row per crystal: its description, then its codes by name.

    Crystals without a code, for example of a third element, have None there.
    """
    order = sorted(
        {slot for reading in readings for slot in reading.slots},
        key=lambda slot: (("species", "cell", "orbit").index(slot.part), slot),
    )
    names = [slot.name for slot in order]
    return [
        _identity(identifier, reading.crystal)
        | {"log_likelihood": round(reading.log_likelihood, DIGITS)}
        | {name: reading.by_name.get(name) for name in names}
        for identifier, reading in zip(identifiers, readings, strict=True)
    ]


def step_rows(walk: Walk, identifiers: Sequence[str]) -> list[Row]:
    """One row per step, the written ones first, then those left out.

    Args:
        walk: The steps.
        identifiers: Names of the written ones.
    """
    written = zip(identifiers, walk.steps, strict=True)
    return [
        *(_step_row(identifier, step) for identifier, step in written),
        *(_step_row(None, step) for step in walk.left_out),
    ]


def map_rows(found: LatentMap) -> list[Row]:
    """One row per codebook and label."""
    rows: list[Row] = []
    for entry in found.entries:
        each = entry.information
        rows.append(
            {
                "codebook": entry.codebook,
                "label": entry.label,
                "bits": each and round(each.bits, DIGITS),
                "error": each and round(each.error, DIGITS),
                "share": each and _rounded(each.share),
                "bias": each and round(each.bias, DIGITS),
                "label_entropy": each and round(each.label_entropy, DIGITS),
                "code_entropy": each and round(each.code_entropy, DIGITS),
                "n": each and each.n,
                "n_crystals": found.n_crystals,
            }
        )
    return rows


def _rounded(share: float) -> float | None:
    return None if math.isnan(share) else round(share, DIGITS)


def _identity(identifier: str | None, crystal: SymmetricCrystal | None) -> Row:
    return {
        "id": identifier,
        "formula": crystal and crystal.formula,
        "space_group": crystal and crystal.space_group,
        "letters": crystal and " ".join(LETTERS[index] for index in crystal.wyckoff),
        "species": crystal and " ".join(SYMBOLS[n - 1] for n in crystal.species),
    }


def _step_row(identifier: str | None, step: Step) -> Row:
    # only a valid crystal is sure to have a volume
    volume = None if step.fault or not step.crystal else volume_per_atom(step.crystal)
    return _identity(identifier, step.crystal) | {
        "volume_per_atom": volume and round(volume, DIGITS),
        "fault": step.fault or None,
        "change": step.change or None,
        "distance": step.distance,
        "is_mended": step.is_mended,
        "log_likelihood": round(step.log_likelihood, DIGITS),
    }
