"""Draw crystals until enough of them pass a filter, and keep those as CIF.

python examples/screen_candidates.py --wanted 5 --out oxides
"""

import argparse
import math
from itertools import islice
from pathlib import Path

from crystalgen import Generator, Request
from crystalgen.export.cif import cif_text
from crystalgen.generation.candidate import Candidate


def is_light_oxide(candidate: Candidate) -> bool:
    """Charge-neutral, oxygen and something else, lighter than 6 g/cm³."""
    structure = candidate.structure  # pymatgen's; candidate.atoms is ASE's
    elements = structure.composition.chemical_system_set
    is_oxide = "O" in elements and len(elements) > 1
    return candidate.is_neutral and is_oxide and structure.density < 6.0


def stability(candidate: Candidate) -> float:
    """How likely it lies within 0.1 eV/atom of the hull; NaN where that is not told."""
    expected = candidate.expected
    if expected is None or expected.stability is None:
        return math.nan
    return expected.stability


def main() -> None:
    """Screen candidates as they are drawn."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--wanted", type=int, default=5, help="crystals to keep")
    parser.add_argument("--most", type=int, default=1000, help="crystals to look at")
    parser.add_argument("--out", type=Path, default=Path("oxides"))
    parser.add_argument("--checkpoint", type=Path, help="other weights")
    arguments = parser.parse_args()

    arguments.out.mkdir(parents=True, exist_ok=True)
    generator = Generator.load(arguments.checkpoint)
    # candidates are drawn one by one, so this ends as soon as enough are found
    candidates = generator.sample(Request(n=arguments.most, max_atoms=12), seed=0)
    for candidate in islice(filter(is_light_oxide, candidates), arguments.wanted):
        name = f"{candidate.formula}-{candidate.index}"
        cif = cif_text(candidate.crystal, identifier=name)
        (arguments.out / f"{name}.cif").write_text(cif, encoding="utf-8")
        density = candidate.structure.density
        print(
            f"{name}: space group {candidate.space_group}, {density:.2f} g/cm³, "
            f"stable with a probability of {stability(candidate):.0%}"
        )
    print(f"looked at {candidates.tally.unique} crystals")


if __name__ == "__main__":
    main()
