"""From the entries of a source to symmetric crystals with their graphs.

Each entry is parsed and converted in a worker process, under a time limit. What
cannot be used is rejected with a reason and the run goes on.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

import numpy as np

from crystalgen.datasets.entry import Entry, Source
from crystalgen.datasets.parsing import parse
from crystalgen.datasets.pool import Lost, survive_map
from crystalgen.errors import (
    DatasetError,
    GeometryError,
    RepresentationError,
    SymmetryError,
)
from crystalgen.graphs import GraphTable, QuotientGraph, quotient_graph
from crystalgen.graphs.table import MAX_ORBITS
from crystalgen.representation.conversion import expand, from_structure
from crystalgen.representation.crystal import SymmetricCrystal
from crystalgen.representation.table import CrystalTable


class Reason(StrEnum):
    """Why an entry was rejected."""

    UNREADABLE = "unreadable"
    TOO_LARGE = "too many atoms"
    GEOMETRY = "impossible geometry"
    SYMMETRY = "no space group"
    REPRESENTATION = "not representable"
    LOST = "worker lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """An entry that became a crystal."""

    identifier: str
    crystal: SymmetricCrystal
    graph: QuotientGraph
    properties: dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """An entry that did not."""

    identifier: str
    reason: Reason
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    """The crystals of a source in its order, and what was left out."""

    crystals: CrystalTable
    graphs: GraphTable
    rejected: tuple[Rejected, ...]

    @property
    def n_read(self) -> int:
        """Entries of the source, kept or not."""
        return len(self.crystals) + len(self.rejected)


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversion:
    """How entries are turned into crystals."""

    symprec: float = 0.1
    """Tolerance in Å within which a symmetry counts."""
    max_atoms: int | None = None
    """Most atoms in the primitive cell; None takes any number."""
    n_neighbours: int = 12
    """Neighbours of each orbit in the graph."""

    def __post_init__(self) -> None:
        if not 0 < self.symprec < 1:
            raise DatasetError(
                f"symprec is {self.symprec} Å; expected more than 0 and less than 1"
            )
        if self.max_atoms is not None and self.max_atoms < 1:
            raise DatasetError(f"max_atoms is {self.max_atoms}; expected at least 1")


def convert(entry: Entry, *, conversion: Conversion) -> Kept | Rejected:
    """Parse one entry, find its symmetry and its graph."""
    try:
        structure = parse(entry.payload)
        crystal = from_structure(structure, symprec=conversion.symprec)
        limit = conversion.max_atoms
        if limit is not None and crystal.n_atoms > limit:
            detail = f"{crystal.n_atoms} atoms in the primitive cell; at most {limit}"
            return _rejected(entry, Reason.TOO_LARGE, detail)
        if crystal.n_orbits > MAX_ORBITS:
            detail = f"{crystal.n_orbits} orbits; at most {MAX_ORBITS}"
            return _rejected(entry, Reason.TOO_LARGE, detail)
        atoms = expand(crystal)
        graph = quotient_graph(
            atoms.lattice,
            atoms.frac_coords,
            atoms.orbit_of_atom,
            atoms.representative,
            n_neighbours=conversion.n_neighbours,
        )
    except DatasetError as error:
        return _rejected(entry, Reason.UNREADABLE, str(error))
    except GeometryError as error:
        return _rejected(entry, Reason.GEOMETRY, str(error))
    except SymmetryError as error:
        return _rejected(entry, Reason.SYMMETRY, str(error))
    except RepresentationError as error:
        return _rejected(entry, Reason.REPRESENTATION, str(error))
    return Kept(
        identifier=entry.identifier,
        crystal=crystal,
        graph=graph,
        properties=entry.properties,
    )


def _rejected(entry: Entry, reason: Reason, detail: str) -> Rejected:
    return Rejected(identifier=entry.identifier, reason=reason, detail=detail)


def convert_entries(
    source: Source,
    conversion: Conversion,
    *,
    n_workers: int,
    timeout_s: float = 60.0,
) -> Iterator[Kept | Rejected]:
    """Convert all entries of a source, in its order, as they are asked for.

    An entry that kills its worker or takes longer than `timeout_s` is rejected.

    Raises:
        DatasetError: The source breaks off, or no worker process survives.
    """
    if n_workers < 1:
        raise DatasetError(f"{n_workers} workers; expected at least 1")
    waiting: deque[str] = deque()  # identifiers of entries sent and not yet answered

    def noted() -> Iterator[Entry]:
        for entry in source.entries():
            waiting.append(entry.identifier)
            yield entry

    results = survive_map(
        partial(convert, conversion=conversion),
        noted(),
        n_workers=n_workers,
        timeout_s=timeout_s,
    )
    for result in results:
        identifier = waiting.popleft()
        if isinstance(result, Lost):
            yield Rejected(
                identifier=identifier, reason=Reason.LOST, detail=result.reason
            )
        else:
            yield result


def collect(results: Iterable[Kept | Rejected]) -> Collection:
    """Put what was kept into tables.

    Raises:
        DatasetError: Nothing was kept.
    """
    kept: list[Kept] = []
    rejected: list[Rejected] = []
    for result in results:
        if isinstance(result, Kept):
            kept.append(result)
        else:
            rejected.append(result)
    if not kept:
        raise DatasetError(_nothing_kept(rejected))
    names = sorted({name for item in kept for name in item.properties})
    missing = float("nan")
    return Collection(
        crystals=CrystalTable.from_crystals(
            [item.crystal for item in kept],
            identifiers=tuple(item.identifier for item in kept),
            properties={
                name: np.array([item.properties.get(name, missing) for item in kept])
                for name in names
            },
        ),
        graphs=GraphTable.from_graphs(item.graph for item in kept),
        rejected=tuple(rejected),
    )


def _nothing_kept(rejected: list[Rejected]) -> str:
    if not rejected:
        return "the source has no entries"
    first = rejected[0]
    return (
        f"none of {len(rejected)} entries could be used;"
        f" the first, {first.identifier}: {first.reason}: {first.detail}"
    )
