"""Find elements for one kind of site of a lattice, from Python.

python examples/decorate_host.py host.cif --sites Ti --wanted 5
"""

import argparse
from itertools import islice

from pymatgen.core import Structure

from crystalgen import DecorationRequest, Generator, decorate


def main() -> None:
    """Rank elements and print the best."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("host", help="CIF or POSCAR")
    parser.add_argument(
        "--sites", nargs="+", default=[], help="Ti, or 1b; all if unset"
    )
    parser.add_argument("--wanted", type=int, default=5, help="crystals to print")
    parser.add_argument("--checkpoint", help="other weights")
    arguments = parser.parse_args()

    request = DecorationRequest(sites=tuple(arguments.sites), cell="rescaled")
    weights = Generator.load(arguments.checkpoint).weights
    host = Structure.from_file(arguments.host)
    decorations = decorate(host, request, seed=0, weights=weights)
    print(f"sites: {decorations.host.description}; open: {decorations.open_sites}")
    for each in islice(decorations, arguments.wanted):
        volume = each.structure.volume / len(each.structure)
        print(f"{each.formula}: score {each.score:.2f}, {volume:.1f} Å³ per atom")


if __name__ == "__main__":
    main()
