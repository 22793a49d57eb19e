"""Write crystalgen/symmetry/wyckoff_table.json from pyxtal's tables.

Run once, with `pip install "crystalgen-dvae[tables]"`; the package itself does not
need pyxtal. Per space group: symbol (spglib's) and Hall number of the standard setting,
first representative and multiplicity of each Wyckoff position from a on, and one
representative of each coset of the group in its affine normalizer (finite part; for
polar, monoclinic and triclinic groups the infinite rest is worked out at run time).

    python scripts/build_wyckoff_table.py
"""

import json
from fractions import Fraction
from importlib import import_module
from pathlib import Path

import numpy as np
import spglib
import spglib.error

from crystalgen.symmetry.engine import operations
from crystalgen.symmetry.wyckoff import parse_affine

TABLE = Path(__file__).parents[1] / "crystalgen" / "symmetry" / "wyckoff_table.json"


def triplet(matrix: np.ndarray, shift: np.ndarray) -> str:
    """Write an affine map as a coordinate triplet, "x-y,-z+1/2,1/4"."""
    rows = []
    for coefficients, constant in zip(matrix.tolist(), shift.tolist(), strict=True):
        terms = [f"{c:+d}{axis}" for c, axis in zip(coefficients, "xyz", strict=True)]
        text = "".join(term.replace("1", "") for term in terms if term[1] != "0")
        fraction = Fraction(constant % 1).limit_denominator(24)
        rows.append(text.removeprefix("+") + (f"+{fraction}" if fraction else ""))
    return ",".join(rows)


def completed_cosets(hall_number: int, triplets: list[str]) -> list[str]:
    """Cosets of a group in its normalizer, each once, closed under composition.

    pyxtal's list for group 19 names two cosets twice and leaves two others out.
    """
    rotations, translations = operations(hall_number)
    across = ~(rotations == np.eye(3, dtype=int)).all(axis=(0, 1))

    def name(matrix: np.ndarray, shift: np.ndarray) -> tuple[int, ...]:
        shifts = (rotations @ shift + translations) * across
        rows = np.concatenate(
            [(rotations @ matrix).reshape(-1, 9), np.rint(shifts * 24) % 24], axis=1
        )
        return min(map(tuple, rows.astype(int).tolist()))

    listed = [parse_affine(text.replace(" ", "")) for text in triplets]
    chosen: dict[tuple[int, ...], tuple[np.ndarray, np.ndarray]] = {}
    waiting = [(np.rint(m[:, :3]).astype(int), m[:, 3] % 1.0) for m in listed]
    while waiting:
        matrix, shift = waiting.pop(0)
        if name(matrix, shift) in chosen:
            continue
        chosen[name(matrix, shift)] = (matrix, shift)
        waiting += [
            (matrix @ other, (matrix @ moved + shift) % 1.0)
            for other, moved in chosen.values()
        ]
    return [triplet(matrix, shift) for matrix, shift in chosen.values()]


def entry(number: int) -> dict[str, str | int]:
    """One space group as the package stores it."""
    group = import_module("pyxtal.symmetry").Group(number)
    setting = spglib.get_spacegroup_type(group.hall_number)
    if setting is None:
        raise SystemExit(f"spglib knows no Hall number {group.hall_number}")
    positions = [
        position[0].as_xyz_str().replace(" ", "")
        for position in reversed(group.Wyckoff_positions)
    ]
    multiplicities = [
        str(position.multiplicity) for position in reversed(group.Wyckoff_positions)
    ]
    cosets = group.get_alternatives()["Coset Representative"]
    return {
        "symbol": setting.international_short,
        "choice": setting.choice,
        "hall": group.hall_number,
        "wyckoff": " ".join(positions),
        "multiplicities": " ".join(multiplicities),
        "normalizer": " ".join(completed_cosets(group.hall_number, cosets)),
    }


def main() -> None:
    """Write the table, one line per group."""
    spglib.error.OLD_ERROR_HANDLING = False
    lines = [f'"{number}": {json.dumps(entry(number))}' for number in range(1, 231)]
    TABLE.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    print(f"{TABLE}: {TABLE.stat().st_size} bytes")


if __name__ == "__main__":
    main()
