"""Draw the first crystals of a run folder as one picture, none left out.

crystalgen generate --n 100 --seed 0 --out crystals
python scripts/draw_gallery.py crystals docs/gallery.png
"""

import argparse
from pathlib import Path
from typing import cast

import matplotlib as mpl

mpl.use("Agg")
from ase import Atoms
from ase.data import covalent_radii
from ase.visualize.plot import plot_atoms
from matplotlib import pyplot as plt
from pymatgen.io.ase import AseAtomsAdaptor

from crystalgen.export.run_folder import read_records
from crystalgen.representation.conversion import to_conventional_structure
from crystalgen.symmetry.wyckoff import space_group

ROWS, COLUMNS = 2, 5
VIEW = "10x,-25y,-5z"


def main() -> None:
    """Draw conventional cells in the order of the run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("picture", type=Path)
    arguments = parser.parse_args()
    figure, axes = plt.subplots(ROWS, COLUMNS, figsize=(13, 6.2))
    for axis, record in zip(axes.flat, read_records(arguments.run), strict=False):
        crystal = record.crystal
        structure = to_conventional_structure(crystal)
        # pymatgen annotates its own stand-in for a missing ase
        atoms = cast(Atoms, AseAtomsAdaptor.get_atoms(structure, msonable=False))
        radii = [0.55 * covalent_radii[number] for number in atoms.numbers]
        plot_atoms(atoms, axis, radii=radii, rotation=VIEW, show_unit_cell=2)
        group = space_group(crystal.space_group)
        axis.set_title(f"{crystal.formula}\n{group.symbol} ({group.number})", size=11)
        axis.set_axis_off()
    figure.tight_layout()
    figure.savefig(arguments.picture, dpi=110)


if __name__ == "__main__":
    main()
