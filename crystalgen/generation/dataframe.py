"""Candidates as a table, for screening in notebooks."""

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

from crystalgen.generation.candidate import Candidate

if TYPE_CHECKING:
    from pandas import DataFrame


def to_dataframe(candidates: Iterable[Candidate]) -> "DataFrame":
    """One row for each candidate, indexed by the number of its draw.

    Columns: formula, chemical_system ("Fe-O"), space_group, n_atoms and n_elements of
    the primitive cell, volume_per_atom (Å^3), density (g/cm^3), is_neutral, log_prob
    (nats), what is expected of it (`crystalgen.generation.expectation`, NaN where
    unknown): stability, expected_e_above_hull (eV/atom) and expected_largest_force
    (eV/Å), and structure (pymatgen's).

    Args:
        candidates: Taken to their end.
    """
    # half a second that no other use of candidates pays
    from pandas import DataFrame, Index

    return DataFrame(
        [
            {
                "index": each.index,
                "formula": each.formula,
                "chemical_system": each.structure.chemical_system,
                "space_group": each.space_group,
                "n_atoms": len(each.structure),
                "n_elements": len(each.structure.elements),
                "volume_per_atom": each.structure.volume / len(each.structure),
                "density": float(each.structure.density),
                "is_neutral": each.is_neutral,
                "log_prob": each.log_prob,
                **_expected(each),
                "structure": each.structure,
            }
            for each in candidates
        ],
        columns=Index(_COLUMNS),
    ).set_index("index")


def _expected(candidate: Candidate) -> dict[str, float]:
    known = candidate.expected.as_dict() if candidate.expected else {}
    return {
        "stability": known.get("stability", math.nan),
        "expected_e_above_hull": known.get("e_above_hull", math.nan),
        "expected_largest_force": known.get("largest_force", math.nan),
    }


_COLUMNS = [
    "index",
    "formula",
    "chemical_system",
    "space_group",
    "n_atoms",
    "n_elements",
    "volume_per_atom",
    "density",
    "is_neutral",
    "log_prob",
    "stability",
    "expected_e_above_hull",
    "expected_largest_force",
    "structure",
]
