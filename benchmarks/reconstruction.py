"""How well crystals survive their codes: decode(encode(x)) against x.

    crystalgen data build test.csv.gz --out test.safetensors
    python benchmarks/reconstruction.py test.safetensors [--checkpoint FILE] [--n N]

The decoder reads the space group, the Wyckoff letters, which orbits share an element
and the codes; species, cell and coordinates come from the codes. No training crystal is
consulted. A match is `StructureMatcher(stol=0.5, angle_tol=10, ltol=0.3)`, the CDVAE
protocol, on the reconstruction as it is decoded, species and all.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from pymatgen.analysis.structure_matcher import StructureMatcher
from rich.progress import track

from crystalgen.datasets.cache import read_cache
from crystalgen.generation import Generator
from crystalgen.generation.encoding import decode, encode
from crystalgen.representation.conversion import to_structure

BATCH = 64
ORBITS = ((1, 2), (3, 4), (5, 8), (9, 20))


def main() -> None:
    """Reconstruct, compare, print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cache", type=Path)
    parser.add_argument("--checkpoint", type=Path)
    parser.add_argument("--n", type=int, help="only the first N crystals")
    arguments = parser.parse_args()
    weights = Generator.load(arguments.checkpoint).weights
    matcher = StructureMatcher(stol=0.5, angle_tol=10, ltol=0.3)
    table, _ = read_cache(arguments.cache)
    truth = [table.crystal(index) for index in range(len(table))][: arguments.n]
    right, roles, rms = 0, 0, np.full(len(truth), np.nan)
    for start in track(range(0, len(truth), BATCH), "reconstruct"):
        batch = truth[start : start + BATCH]
        for offset, codes in enumerate(encode(weights, batch)):
            true = batch[offset]
            made = decode(weights, true, codes)
            pairs = set(zip(true.species, made.species, strict=True))
            right += sum(a == b for a, b in pairs)
            roles += len(set(true.species))
            found = matcher.get_rms_dist(to_structure(true), to_structure(made))
            if found is not None:
                rms[start + offset] = found[0]
    n_orbits = np.array([crystal.n_orbits for crystal in truth])
    matched = np.isfinite(rms)
    by_orbits = {
        f"{low}-{high}": round(100 * float(matched[fits].mean()), 1)
        for low, high in ORBITS
        if (fits := (n_orbits >= low) & (n_orbits <= high)).any()
    }
    result = {
        "weights": weights.sha256[:12],
        "n": len(truth),
        "species accuracy %": round(100 * right / roles, 2),
        "match %": round(100 * float(matched.mean()), 2),
        "mean rms": round(float(np.nanmean(rms)), 4),
        "match % by orbits": by_orbits,
    }
    print(json.dumps(result, indent=2))  # noqa: T201


if __name__ == "__main__":
    main()
