"""Write crystalgen/symmetry/wyckoff_table.json from pyxtal's tables.

Run once, with `pip install "crystalgen-dvae[tables]"`; the package itself does not
need pyxtal. Per space group: symbol (spglib's) and Hall number of the standard setting,
first representative and multiplicity of each Wyckoff position from a on, and one
representative of each coset of the group in its affine normalizer (finite part; for
polar, monoclinic and triclinic groups the infinite rest is worked out at run time).

    python scripts/build_wyckoff_table.py
"""

import json
from importlib import import_module
from pathlib import Path

import spglib
import spglib.error

TABLE = Path(__file__).parents[1] / "crystalgen" / "symmetry" / "wyckoff_table.json"


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
    cosets = [
        triplet.replace(" ", "")
        for triplet in group.get_alternatives()["Coset Representative"]
    ]
    return {
        "symbol": setting.international_short,
        "choice": setting.choice,
        "hall": group.hall_number,
        "wyckoff": " ".join(positions),
        "multiplicities": " ".join(multiplicities),
        "normalizer": " ".join(cosets),
    }


def main() -> None:
    """Write the table, one line per group."""
    spglib.error.OLD_ERROR_HANDLING = False
    lines = [f'"{number}": {json.dumps(entry(number))}' for number in range(1, 231)]
    TABLE.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    print(f"{TABLE}: {TABLE.stat().st_size} bytes")


if __name__ == "__main__":
    main()
