"""Draw crystals with a property, and keep those that are predicted to have it.

python examples/condition.py --condition band_gap=1:2 --wanted 5 --out semiconductors
"""

import argparse
from pathlib import Path

from crystalgen import Condition, Generator, Request
from crystalgen.export.cif import cif_text


def main() -> None:
    """Draw on condition, predict, keep."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--condition", type=Condition.parse, default="band_gap=1:2")
    parser.add_argument("--wanted", type=int, default=5, help="crystals to keep")
    parser.add_argument("--most", type=int, default=200, help="crystals to look at")
    parser.add_argument("--out", type=Path, default=Path("semiconductors"))
    parser.add_argument("--checkpoint", type=Path, help="other weights")
    arguments = parser.parse_args()

    arguments.out.mkdir(parents=True, exist_ok=True)
    generator = Generator.load(arguments.checkpoint)
    wanted: Condition = arguments.condition
    request = Request(n=arguments.most, conditions=(wanted,))
    n_kept = n_seen = 0
    for candidate in generator.sample(request, seed=0):
        n_seen += 1
        [predicted] = generator.predict([candidate.structure])
        found = predicted[wanted.name]
        low, high = found.intervals[1]  # holds the true value with 80 %
        if wanted.low <= found.median <= wanted.high:
            name = f"{candidate.formula}-{candidate.index}"
            cif = cif_text(candidate.crystal, identifier=name)
            (arguments.out / f"{name}.cif").write_text(cif, encoding="utf-8")
            print(f"{name}: {wanted.name} {found.median:.2f} ({low:.2f} to {high:.2f})")
            n_kept += 1
        if n_kept == arguments.wanted:
            break
    print(f"kept {n_kept} of {n_seen} crystals")


if __name__ == "__main__":
    main()
