"""The quotient graphs of many crystals as a few flat arrays.

Knows nothing of files: `arrays` and `from_arrays` are for whoever stores it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int64, UInt8

from crystalgen.errors import RepresentationError
from crystalgen.graphs.quotient import QuotientGraph

MAX_ORBITS = 256
"""Orbits of a crystal that the table's bytes can tell apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphTable:
    """Quotient graphs of n crystals, possibly a view of a memory-mapped file.

    The edges of crystal i are those from ``edge_offsets[i]`` to
    ``edge_offsets[i + 1]``.
    """

    edge_offsets: Int64[np.ndarray, " crystals_plus_one"]
    """Where the edges of each crystal start; the last entry is their number."""
    source: UInt8[np.ndarray, " edges"]
    """Orbit of the neighbour, counted from 0 within each crystal."""
    target: UInt8[np.ndarray, " edges"]
    """Orbit whose representative atom has that neighbour."""
    length: Float32[np.ndarray, " edges"]
    """Distance in Å."""

    def __post_init__(self) -> None:
        n_edges = {len(self.source), len(self.target), len(self.length)}
        offsets = self.edge_offsets
        if len(n_edges) != 1:
            raise RepresentationError(f"graph table: edge arrays of {n_edges=}")
        if len(offsets) == 0 or offsets[0] != 0 or offsets[-1] != len(self.source):
            raise RepresentationError(
                f"graph table: edge offsets do not run from 0 to {len(self.source)}"
            )
        if (np.diff(offsets) < 0).any():
            raise RepresentationError("graph table: edge offsets decrease")

    def __len__(self) -> int:
        return len(self.edge_offsets) - 1

    def graph(self, index: int) -> QuotientGraph:
        """The graph of one crystal.

        Raises:
            IndexError: There is no such crystal; negative indices are not taken.
        """
        if not 0 <= index < len(self):
            raise IndexError(f"graph {index} of a table of {len(self)}")
        edges = slice(self.edge_offsets[index], self.edge_offsets[index + 1])
        return QuotientGraph(
            source=self.source[edges].astype(np.int32),
            target=self.target[edges].astype(np.int32),
            length=self.length[edges],
        )

    def take(self, rows: Int64[np.ndarray, " taken"]) -> "GraphTable":
        """Some of the graphs, bit for bit, in the order asked for."""
        sizes = np.diff(self.edge_offsets)[rows]
        offsets = np.cumsum([0, *sizes.tolist()], dtype=np.int64)
        starts = self.edge_offsets[rows] - offsets[:-1]
        edges = np.repeat(starts, sizes) + np.arange(offsets[-1])
        return GraphTable(
            edge_offsets=offsets,
            source=self.source[edges],
            target=self.target[edges],
            length=self.length[edges],
        )

    def arrays(self) -> dict[str, np.ndarray]:
        """The fields by name, for storage; not copied."""
        return {
            "edge_offsets": self.edge_offsets,
            "source": self.source,
            "target": self.target,
            "length": self.length,
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> "GraphTable":
        """The inverse of `arrays`; nothing is copied.

        Raises:
            RepresentationError: A field is missing, or the fields disagree.
        """
        names = ("edge_offsets", "source", "target", "length")
        if missing := [name for name in names if name not in arrays]:
            raise RepresentationError(f"graph table: no {missing} in {sorted(arrays)}")
        return cls(**{name: arrays[name] for name in names})

    @classmethod
    def from_graphs(cls, graphs: Iterable[QuotientGraph]) -> "GraphTable":
        """Lay graphs end to end.

        Raises:
            RepresentationError: A crystal has more than `MAX_ORBITS` orbits.
        """
        kept = list(graphs)
        for index, graph in enumerate(kept):
            n_orbits = int(max(graph.source.max(), graph.target.max())) + 1
            if n_orbits > MAX_ORBITS:
                raise RepresentationError(
                    f"graph {index}: {n_orbits} orbits; at most {MAX_ORBITS} fit"
                )
        sizes = [len(graph.source) for graph in kept]
        offsets = np.zeros(len(kept) + 1, dtype=np.int64)
        np.cumsum(sizes, out=offsets[1:])
        return cls(
            edge_offsets=offsets,
            source=_joined([graph.source for graph in kept], np.uint8),
            target=_joined([graph.target for graph in kept], np.uint8),
            length=_joined([graph.length for graph in kept], np.float32),
        )


def _joined(parts: list[np.ndarray], dtype: type[np.generic]) -> np.ndarray:
    return np.concatenate([np.zeros(0, dtype), *(part.astype(dtype) for part in parts)])
