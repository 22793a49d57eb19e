"""Write crystalgen/representation/element_table.json from SMACT's data.

Run once; generation then needs neither SMACT, which reads its files anew for each
element that it is asked for, nor pandas, which SMACT loads. Per element: whether SMACT
counts it among the metals and in the d block, its valence electrons, its
electronegativity (Pauling; null without one), and how often each oxidation state but 0
is reported in the ICSD of 2024.

    python scripts/build_element_table.py
"""

import json
from pathlib import Path

import smact
from smact.utils.oxidation import ICSD24OxStatesFilter

from crystalgen.representation.elements import SYMBOLS

TABLE = Path(__file__).parents[1] / "crystalgen/representation/element_table.json"
MIN_REPORTS = 3
"""SMACT's own default below which a state may be an error."""


def reports() -> dict[str, dict[str, int]]:
    """Reports of each state of each element, without the states that may be errors."""
    counts: dict[str, dict[str, int]] = {}
    table = ICSD24OxStatesFilter().ox_states_df
    columns = (table[name] for name in ("element", "oxidation_state", "results_count"))
    for symbol, state, count in zip(*columns, strict=True):
        if state and count >= MIN_REPORTS:
            counts.setdefault(str(symbol), {})[str(state)] = int(count)
    return counts


def main() -> None:
    """Write the table, one line per element that SMACT knows."""
    counts = reports()
    lines = []
    for symbol in SYMBOLS:
        try:
            element = smact.Element(symbol)
        except KeyError:
            continue
        entry = {
            "is_metal": symbol in smact.metals,
            "is_d_block": symbol in smact.d_block,
            "n_valence": element.num_valence_modified,
            "electronegativity": element.pauling_eneg,
            "reports": counts.get(symbol, {}),
        }
        lines.append(f"{json.dumps(symbol)}: {json.dumps(entry)}")
    TABLE.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
