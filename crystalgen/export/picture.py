"""Pictures: crystals in a row, and a table of numbers as colours.

Both are PNG files as bytes. matplotlib takes a second to import and is imported where
it is used.
"""

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import numpy as np
from jaxtyping import Float

from crystalgen.representation.conversion import to_conventional_structure
from crystalgen.representation.crystal import SymmetricCrystal
from crystalgen.representation.elements import SYMBOLS

if TYPE_CHECKING:
    from ase import Atoms
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

VIEW = "10x,-25y,-5z"
"""How crystals are turned, in ase's notation."""
RADIUS = 0.55
"""Radius of an atom as a share of the covalent one."""
PER_LINE = 5
"""Crystals beside each other."""
SIDE = 2.5
"""Inches for each crystal."""
DPI = 110


def crystal_row(
    crystals: Sequence[SymmetricCrystal], captions: Sequence[str], *, title: str
) -> bytes:
    """The conventional cells of crystals, to one scale, in lines, as a PNG.

    Args:
        crystals: At least one.
        captions: What to write above each.
        title: What to write above all.
    """
    from matplotlib.figure import Figure

    columns = min(PER_LINE, len(crystals))
    lines = -(-len(crystals) // columns)
    figure = Figure(
        figsize=(max(SIDE * columns, 5.0), 0.9 + 1.2 * SIDE * lines),
        layout="constrained",
    )
    axes = figure.subplots(lines, columns, squeeze=False)
    for axis in axes.flat:
        axis.set_axis_off()
    drawn = list(axes.flat)[: len(crystals)]
    for axis, crystal, caption in zip(drawn, crystals, captions, strict=True):
        draw_crystal(axis, crystal)
        axis.set_title(caption, size=9)
    _equalize(drawn)
    figure.suptitle(title, size=11)
    _add_legend(figure, crystals)
    return _png(figure)


def heat_map(
    values: Float[np.ndarray, "rows columns"],
    texts: Sequence[Sequence[str]],
    *,
    rows: Sequence[str],
    columns: Sequence[str],
    title: str,
    scale: str,
) -> bytes:
    """A table of numbers from 0 to 1 as colours with a text in each field, as a PNG.

    Args:
        values: What the colours show; grey where NaN.
        texts: What is written in each field.
        rows: Name of each row.
        columns: Name of each column.
        title: What to write above.
        scale: What the colours mean.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    figure = Figure(
        figsize=(2.6 + 1.2 * len(columns), 1.5 + 0.42 * len(rows)),
        layout="constrained",
    )
    axis = figure.subplots()
    colours = mpl.colormaps["viridis"].with_extremes(bad="#c4c4c4")
    image = axis.imshow(
        np.ma.masked_invalid(values), cmap=colours, vmin=0, vmax=1, aspect="auto"
    )
    axis.set_xticks(range(len(columns)), columns)
    axis.set_yticks(range(len(rows)), rows)
    axis.tick_params(length=0)
    for row, line in enumerate(texts):
        for column, text in enumerate(line):
            level = values[row, column]
            ink = "black" if level > 0.6 or np.isnan(level) else "white"
            axis.text(column, row, text, ha="center", va="center", color=ink)
    axis.set_title(title, size=10)
    figure.colorbar(image, label=scale)
    return _png(figure)


def draw_crystal(axis: "Axes", crystal: SymmetricCrystal) -> None:
    """Draw the conventional cell of a crystal with its atoms, in Å."""
    from ase.data import covalent_radii
    from ase.visualize.plot import plot_atoms
    from pymatgen.io.ase import AseAtomsAdaptor

    structure = to_conventional_structure(crystal)
    # pymatgen annotates its own stand-in for a missing ase
    atoms = cast("Atoms", AseAtomsAdaptor.get_atoms(structure, msonable=False))
    radii = [RADIUS * covalent_radii[number] for number in atoms.numbers]
    plot_atoms(atoms, axis, radii=radii, rotation=VIEW, show_unit_cell=2)


def _equalize(axes: Sequence["Axes"]) -> None:
    """Show the same number of Å in all pictures, each crystal in the middle."""
    limits = [(axis.get_xlim(), axis.get_ylim()) for axis in axes]
    spans = [max(x[1] - x[0], y[1] - y[0]) for x, y in limits]
    half = max(spans) / 2
    for axis, (x, y) in zip(axes, limits, strict=True):
        axis.set_xlim(sum(x) / 2 - half, sum(x) / 2 + half)
        axis.set_ylim(sum(y) / 2 - half, sum(y) / 2 + half)


def _add_legend(figure: "Figure", crystals: Sequence[SymmetricCrystal]) -> None:
    """Say which colour is which element."""
    from ase.data.colors import jmol_colors
    from matplotlib.lines import Line2D

    numbers = dict.fromkeys(n for crystal in crystals for n in crystal.composition)
    handles = [
        Line2D(
            [],
            [],
            marker="o",
            linestyle="",
            markersize=9,
            color=jmol_colors[number],
            markeredgecolor="black",
            label=SYMBOLS[number - 1],
        )
        for number in numbers
    ]
    figure.legend(
        handles=handles,
        loc="outside lower center",
        ncols=min(len(handles), 12),
        frameon=False,
    )


def _png(figure: "Figure") -> bytes:
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=DPI)
    return file.getvalue()
