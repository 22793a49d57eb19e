"""A few figures that tell what is in a cache."""

from dataclasses import dataclass

import numpy as np

from crystalgen.graphs import GraphTable
from crystalgen.representation.table import CrystalTable


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """One property of the crystals."""

    name: str
    n_known: int
    """Crystals that have it."""
    low: float
    """Smallest known value, in the unit of the source; NaN if none is known."""
    high: float
    """Largest known value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """Counts over all crystals of a cache."""

    n_crystals: int
    n_orbits: int
    n_edges: int
    max_orbits: int
    """Most orbits of one crystal."""
    n_elements: int
    n_space_groups: int
    labels: tuple[Label, ...]


def summarize(crystals: CrystalTable, graphs: GraphTable) -> Summary:
    """Count elements, space groups, orbits and labels."""
    return Summary(
        n_crystals=len(crystals),
        n_orbits=len(crystals.wyckoff),
        n_edges=len(graphs.source),
        max_orbits=int(np.diff(crystals.orbit_offsets).max(initial=0)),
        n_elements=len(np.unique(crystals.species)),
        n_space_groups=len(np.unique(crystals.space_group)),
        labels=tuple(_label(*item) for item in sorted(crystals.properties.items())),
    )


def _label(name: str, values: np.ndarray) -> Label:
    known = values[~np.isnan(values)]
    return Label(
        name=name,
        n_known=len(known),
        low=float(known.min()) if len(known) else float("nan"),
        high=float(known.max()) if len(known) else float("nan"),
    )
