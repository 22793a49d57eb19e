"""Draw the first crystals of a run folder as one picture, none left out.

crystalgen generate --n 100 --seed 0 --out crystals
python scripts/draw_gallery.py crystals docs/gallery.png
"""

import argparse
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import pyplot as plt

from crystalgen.export.picture import draw_crystal
from crystalgen.export.run_folder import read_records
from crystalgen.symmetry.wyckoff import space_group

ROWS, COLUMNS = 2, 5


def main() -> None:
    """Draw conventional cells in the order of the run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("picture", type=Path)
    arguments = parser.parse_args()
    figure, axes = plt.subplots(ROWS, COLUMNS, figsize=(13, 6.2))
    for axis, record in zip(axes.flat, read_records(arguments.run), strict=False):
        crystal = record.crystal
        draw_crystal(axis, crystal)
        group = space_group(crystal.space_group)
        axis.set_title(f"{crystal.formula}\n{group.symbol} ({group.number})", size=11)
        axis.set_axis_off()
    figure.tight_layout()
    figure.savefig(arguments.picture, dpi=110)


if __name__ == "__main__":
    main()
