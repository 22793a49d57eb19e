"""Many crystals in a few flat arrays: what is cached, memory-mapped and batched."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from jaxtyping import Float32, Float64, Int8, Int16, Int64

from crystalgen.errors import RepresentationError
from crystalgen.representation.crystal import SymmetricCrystal

_FIELDS = (
    "space_group",
    "orbit_offsets",
    "wyckoff",
    "species",
    "free_coords",
    "lattice_parameters",
)
_PROPERTY = "properties/"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CrystalTable:
    """Crystals in flat arrays; crystal i owns orbits offsets[i] to offsets[i + 1]."""

    space_group: Int16[np.ndarray, " crystals"]
    """1 to 230."""
    orbit_offsets: Int64[np.ndarray, " offsets"]
    """Ascending from 0; one more than there are crystals."""
    wyckoff: Int8[np.ndarray, " orbits"]
    """Index of the Wyckoff position of each orbit."""
    species: Int16[np.ndarray, " orbits"]
    """Atomic number of each orbit."""
    free_coords: Float32[np.ndarray, "orbits 3"]
    """Parameters of each orbit in [0, 1)."""
    lattice_parameters: Float64[np.ndarray, "crystals 6"]
    """a, b, c (Å), alpha, beta, gamma (degrees) of the conventional cells."""
    identifiers: tuple[str, ...]
    """Name of each crystal in its source."""
    properties: dict[str, Float64[np.ndarray, " crystals"]] = field(
        default_factory=dict
    )
    """Measured or computed values by name; NaN where unknown."""

    def __len__(self) -> int:
        return len(self.space_group)

    def crystal(self, index: int) -> SymmetricCrystal:
        """One crystal by its place in the table."""
        start, stop = self.orbit_offsets[index : index + 2].tolist()
        coords = self.free_coords[start:stop].astype(np.float64)
        return SymmetricCrystal(
            space_group=int(self.space_group[index]),
            wyckoff=tuple(self.wyckoff[start:stop].tolist()),
            species=tuple(self.species[start:stop].tolist()),
            free_coords=np.where(coords < 1.0, coords, 0.0),
            lattice_parameters=np.array(self.lattice_parameters[index]),
        )

    @classmethod
    def from_crystals(
        cls,
        crystals: Iterable[SymmetricCrystal],
        *,
        identifiers: Iterable[str],
        properties: Mapping[str, Float64[np.ndarray, " crystals"]] | None = None,
    ) -> "CrystalTable":
        """Lay crystals out in arrays; coordinates are rounded to single precision.

        Args:
            crystals: Any number, also none.
            identifiers: As many names.
            properties: Values by name, one per crystal, NaN where unknown.
        """
        listed = list(crystals)
        sizes = [crystal.n_orbits for crystal in listed]
        flat = [xyz for crystal in listed for xyz in crystal.free_coords]
        coords = np.array(flat, dtype=np.float32).reshape(-1, 3)
        cells = [crystal.lattice_parameters for crystal in listed]
        return cls(
            space_group=np.array([c.space_group for c in listed], dtype=np.int16),
            orbit_offsets=np.cumsum([0, *sizes], dtype=np.int64),
            wyckoff=np.array([w for c in listed for w in c.wyckoff], dtype=np.int8),
            species=np.array([z for c in listed for z in c.species], dtype=np.int16),
            free_coords=np.where(coords < 1.0, coords, np.float32(0.0)),
            lattice_parameters=np.array(cells, dtype=np.float64).reshape(-1, 6),
            identifiers=tuple(identifiers),
            properties={
                name: np.asarray(values, dtype=np.float64)
                for name, values in (properties or {}).items()
            },
        )

    def take(self, rows: Int64[np.ndarray, " taken"]) -> "CrystalTable":
        """Some of the crystals, bit for bit, in the order asked for."""
        sizes = np.diff(self.orbit_offsets)[rows]
        offsets = np.cumsum([0, *sizes.tolist()], dtype=np.int64)
        starts = self.orbit_offsets[rows] - offsets[:-1]
        orbits = np.repeat(starts, sizes) + np.arange(offsets[-1])
        return CrystalTable(
            space_group=self.space_group[rows],
            orbit_offsets=offsets,
            wyckoff=self.wyckoff[orbits],
            species=self.species[orbits],
            free_coords=self.free_coords[orbits],
            lattice_parameters=self.lattice_parameters[rows],
            identifiers=tuple(self.identifiers[row] for row in rows.tolist()),
            properties={name: values[rows] for name, values in self.properties.items()},
        )

    def arrays(self) -> dict[str, np.ndarray]:
        """All columns by name, names as UTF-8 bytes: ready for safetensors."""
        names = [name.encode() for name in self.identifiers]
        columns = {name: getattr(self, name) for name in _FIELDS}
        columns["identifiers"] = np.frombuffer(b"".join(names), dtype=np.uint8)
        columns["identifier_offsets"] = np.cumsum([0, *map(len, names)], dtype=np.int64)
        for name, values in self.properties.items():
            columns[_PROPERTY + name] = values
        return columns

    @classmethod
    def from_arrays(cls, columns: Mapping[str, np.ndarray]) -> "CrystalTable":
        """Rebuild a table from `arrays`; the arrays are used as they are.

        Raises:
            RepresentationError: A column is missing, or they do not fit together.
        """
        wanted = (*_FIELDS, "identifiers", "identifier_offsets")
        missing = [name for name in wanted if name not in columns]
        if missing:
            raise RepresentationError(
                f"table: got no column {missing[0]!r} among {sorted(columns)}; "
                f"expected {list(wanted)}"
            )
        _check_rows(columns)
        blob = columns["identifiers"].tobytes()
        bounds = columns["identifier_offsets"].tolist()
        return cls(
            space_group=columns["space_group"],
            orbit_offsets=columns["orbit_offsets"],
            wyckoff=columns["wyckoff"],
            species=columns["species"],
            free_coords=columns["free_coords"],
            lattice_parameters=columns["lattice_parameters"],
            identifiers=tuple(
                blob[start:stop].decode() for start, stop in pairwise(bounds)
            ),
            properties={
                name.removeprefix(_PROPERTY): values
                for name, values in columns.items()
                if name.startswith(_PROPERTY)
            },
        )


def _check_rows(columns: Mapping[str, np.ndarray]) -> None:
    """Refuse columns of different tables, or of a damaged one."""
    n_crystals = len(columns["space_group"])
    n_orbits = int(columns["orbit_offsets"][-1]) if len(columns["orbit_offsets"]) else 0
    expected = {"orbit_offsets": n_crystals + 1, "identifier_offsets": n_crystals + 1}
    expected |= {name: n_crystals for name in columns if name.startswith(_PROPERTY)}
    expected["lattice_parameters"] = n_crystals
    expected |= dict.fromkeys(("wyckoff", "species", "free_coords"), n_orbits)
    for name, n_rows in expected.items():
        if len(columns[name]) != n_rows:
            raise RepresentationError(
                f"table: got {len(columns[name])} rows of {name!r}; expected {n_rows} "
                f"for {n_crystals} crystals with {n_orbits} orbits: the arrays do not "
                "belong together"
            )
