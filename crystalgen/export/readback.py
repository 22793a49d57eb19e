"""Does the text of a CIF say the crystal that it was written from?

The text is parsed by pymatgen's ``CifFile`` and expanded by the operations that stand
in it, so that nothing but the text and the crystal's own atoms are compared. This
takes the place of pymatgen's full parser, which needs up to a second for a group of
192 operations. The loop over these, which is most of a text and the same in all files
of a group, is parsed but once.
"""

from functools import lru_cache

import numpy as np
from jaxtyping import Bool, Float
from pymatgen.io.cif import CifBlock, CifFile

from crystalgen.errors import ExportError
from crystalgen.export.cif import OPERATION_LOOP, operation_loop
from crystalgen.representation.conversion import expand
from crystalgen.representation.crystal import SymmetricCrystal
from crystalgen.representation.elements import ATOMIC_NUMBERS
from crystalgen.symmetry.lattice import primitive_vectors
from crystalgen.symmetry.wyckoff import parse_affine, space_group

CELL_KEYS = (
    "_cell_length_a",
    "_cell_length_b",
    "_cell_length_c",
    "_cell_angle_alpha",
    "_cell_angle_beta",
    "_cell_angle_gamma",
)
COORDINATE_KEYS = ("_atom_site_fract_x", "_atom_site_fract_y", "_atom_site_fract_z")
CELL_TOLERANCE = 1e-7
"""In Å and degrees; eight digits are written."""
SITE_TOLERANCE = 1e-6
"""In fractions of the primitive cell."""


def check_cif(text: str, crystal: SymmetricCrystal) -> None:
    """Read a CIF back and compare each of its atoms with the crystal's.

    Raises:
        ExportError: The text cannot be read, or says another crystal.
    """
    block, operations = _read(text, crystal.space_group)
    try:
        _check_cell(block, crystal)
        if operations is None:
            operations = _operations_of(block, crystal.space_group)
        _check_sites(block, operations, crystal)
    except (KeyError, ValueError) as error:
        raise ExportError(f"CIF {block.header}: cannot be read: {error}") from error


def _read(
    text: str, number: int
) -> tuple[CifBlock, Float[np.ndarray, "ops 3 4"] | None]:
    """The one block of a text, and the operations if their loop is the usual one."""
    loop = operation_loop(number)
    before, found, after = text.partition(f"\n{loop}\nloop_")
    if found:
        block = _only_block(f"{before}\nloop_{after}")
        if OPERATION_LOOP[1] not in block.data:
            return block, _usual_operations(number)
    return _only_block(text), None


@lru_cache(maxsize=230)
def _usual_operations(number: int) -> Float[np.ndarray, "ops 3 4"]:
    return _operations_of(_only_block(f"data_\n{operation_loop(number)}"), number)


def _only_block(text: str) -> CifBlock:
    blocks = list(CifFile.from_str(text).data.values())
    if len(blocks) != 1:
        raise ExportError(f"CIF: got {len(blocks)} data blocks; expected one")
    return blocks[0]


def _operations_of(block: CifBlock, number: int) -> Float[np.ndarray, "ops 3 4"]:
    """From conventional coordinates to those in the primitive cell."""
    to_primitive = np.linalg.inv(primitive_vectors(space_group(number)))
    maps = np.array([parse_affine(text) for text in block[OPERATION_LOOP[1]]])
    return to_primitive.T @ maps


def _check_cell(block: CifBlock, crystal: SymmetricCrystal) -> None:
    number = int(block["_space_group_IT_number"])
    if number != crystal.space_group:
        raise ExportError(
            f"CIF {block.header}: reads back as space group {number}; "
            f"expected {crystal.space_group}"
        )
    cell = np.array([float(block[key]) for key in CELL_KEYS])
    if np.abs(cell - crystal.lattice_parameters).max() > CELL_TOLERANCE:
        raise ExportError(
            f"CIF {block.header}: the cell reads back as {cell.tolist()}; "
            f"expected {crystal.lattice_parameters.tolist()}"
        )


def _check_sites(
    block: CifBlock,
    operations: Float[np.ndarray, "ops 3 4"],
    crystal: SymmetricCrystal,
) -> None:
    group = space_group(crystal.space_group)
    sites = np.array([block[key] for key in COORDINATE_KEYS], dtype=float).T
    symbols = block["_atom_site_type_symbol"]
    multiplicities = block["_atom_site_symmetry_multiplicity"]
    atoms = expand(crystal)
    if len(sites) != crystal.n_orbits:
        raise ExportError(
            f"CIF {block.header}: reads back with {len(sites)} sites; "
            f"expected {crystal.n_orbits}"
        )
    for orbit, site in enumerate(sites):
        found = operations[:, :, :3] @ site + operations[:, :, 3]
        expected = atoms.frac_coords[atoms.orbit_of_atom == orbit]
        if (
            not _are_those(found, expected)
            or ATOMIC_NUMBERS.get(symbols[orbit]) != crystal.species[orbit]
            or int(multiplicities[orbit]) != len(expected) * group.n_centring
        ):
            n_found = len(distinct_points(found))
            raise ExportError(
                f"CIF {block.header}: site {orbit + 1} ({symbols[orbit]}) reads back "
                f"as {n_found} atoms of the primitive cell that are not those of "
                f"orbit {orbit} of the crystal {crystal.formula} {crystal.label}"
            )


def distinct_points(
    points: Float[np.ndarray, "points 3"],
) -> Float[np.ndarray, "distinct 3"]:
    """The different ones of periodic points, each as it first occurs.

    >>> distinct_points(np.array([[0.0, 0, 0], [1.0, 0, 0], [0.5, 0, 0]])).tolist()
    [[0.0, 0.0, 0.0], [0.5, 0.0, 0.0]]
    """
    is_same = _is_close(points, points)
    is_first = ~np.tril(is_same, k=-1).any(axis=1)
    return points[is_first]


def _are_those(
    found: Float[np.ndarray, "found 3"], expected: Float[np.ndarray, "expected 3"]
) -> bool:
    """Whether each point is at an expected place, and at each place there is one."""
    is_at = _is_close(found, expected)
    return bool(is_at.any(axis=1).all() and is_at.any(axis=0).all())


def _is_close(
    first: Float[np.ndarray, "first 3"], second: Float[np.ndarray, "second 3"]
) -> Bool[np.ndarray, "first second"]:
    """Which points coincide up to whole cells."""
    is_close = np.ones((len(first), len(second)), dtype=bool)
    for one, other in zip(first.T, second.T, strict=True):
        apart = one[:, None] - other[None]
        is_close &= np.abs(apart - np.rint(apart)) < SITE_TOLERANCE
    return is_close
