"""One line of ``crystals.jsonl``: all that a run keeps of one crystal.

The line holds the crystal twice: as the atoms of its primitive cell, which any
program can read, and as orbits, from which the crystal is restored exactly.
"""

import json
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from crystalgen.errors import CrystalgenError, ExportError
from crystalgen.representation.conversion import expand
from crystalgen.representation.crystal import SymmetricCrystal
from crystalgen.representation.elements import SYMBOLS

DIGITS = 10
"""Decimals of the atoms' coordinates and cell; the orbits keep all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CrystalRecord:
    """A crystal with what is known of how it came about."""

    identifier: str
    """Unique name, fit for a file and for a CIF block."""
    index: int
    """Number of the draw: with weights, request and seed it determines the crystal."""
    crystal: SymmetricCrystal
    codes: tuple[tuple[int, ...], ...] = ()
    """Discrete codes that the crystal was decoded from: a row for the crystal, then one
    per distinct element, then one per orbit (empty where nothing is free)."""
    log_prob: float | None = None
    """Natural logarithm of the probability of the draw under the model."""
    condition: dict[str, float] = field(default_factory=dict)
    """Target value of each property that was asked for."""
    predicted: dict[str, float] = field(default_factory=dict)
    """Median and ends of intervals of each property, see
    `crystalgen.generation.prediction`; empty where no property was asked for."""
    expected: dict[str, float] = field(default_factory=dict)
    """Energies, largest force and stability that can be expected, see
    `crystalgen.generation.expectation`; empty for weights without a critic."""
    flags: tuple[str, ...] = ()
    """Remarks with their reasons."""
    rejected: dict[str, int] = field(default_factory=dict)
    """Draws since the crystal before that were left out, by reason."""


def to_line(record: CrystalRecord) -> str:
    """Write a record as one line of JSON, without the line break.

    Raises:
        GeometryError: The lattice parameters close no cell.
    """
    crystal = record.crystal
    atoms = expand(crystal)
    entry = {
        "id": record.identifier,
        "index": record.index,
        "formula": crystal.formula,
        "n_atoms": crystal.n_atoms,
        "space_group": crystal.space_group,
        "wyckoff": crystal.label,
        "lattice": _rounded(atoms.lattice),
        "species": [SYMBOLS[number - 1] for number in atoms.numbers.tolist()],
        "frac_coords": _rounded(atoms.frac_coords),
        "orbits": {
            "wyckoff": list(crystal.wyckoff),
            "species": list(crystal.species),
            "free_coords": crystal.free_coords.tolist(),
            "lattice_parameters": crystal.lattice_parameters.tolist(),
        },
        "codes": [list(row) for row in record.codes],
        "log_prob": record.log_prob,
        "condition": record.condition,
        "flags": list(record.flags),
        "rejected": record.rejected,
    }
    if record.expected:
        entry["expected"] = record.expected
    if record.predicted:
        entry["predicted"] = record.predicted
    return json.dumps(entry, separators=(",", ":"), allow_nan=False)


def _rounded(values: Float[np.ndarray, "rows 3"]) -> list[list[float]]:
    return (np.round(values, DIGITS) + 0.0).tolist()  # no -0.0


def from_line(line: str) -> CrystalRecord:
    """Restore a record; the crystal is the same to the last bit.

    Raises:
        ExportError: The line is no record.
    """
    try:
        entry = json.loads(line)
        orbits = entry["orbits"]
        crystal = SymmetricCrystal(
            space_group=entry["space_group"],
            wyckoff=tuple(orbits["wyckoff"]),
            species=tuple(orbits["species"]),
            free_coords=np.array(orbits["free_coords"], dtype=np.float64),
            lattice_parameters=np.array(orbits["lattice_parameters"], dtype=np.float64),
        )
        return CrystalRecord(
            identifier=entry["id"],
            index=entry["index"],
            crystal=crystal,
            codes=tuple(tuple(row) for row in entry["codes"]),
            log_prob=entry["log_prob"],
            condition=entry["condition"],
            flags=tuple(entry["flags"]),
            expected=entry.get("expected", {}),
            predicted=entry.get("predicted", {}),
            rejected=entry.get("rejected", {}),
        )
    except (ValueError, TypeError, KeyError, CrystalgenError) as error:
        raise ExportError(
            f"got {line[:60]!r} ...; expected the record of a crystal: {error!r}"
        ) from error
