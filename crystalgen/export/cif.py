"""A crystal as a symmetrised CIF: its cell, its operations, its asymmetric unit.

pymatgen's ``CifBlock`` is filled from the operations that the crystal is made of, so
no symmetry is searched for. Names follow the CIF core dictionary (IUCr, version 2.4),
with the older symmetry names beside the newer ones, as programs read either.
"""

import re
from functools import lru_cache

import numpy as np
from jaxtyping import Float, Int
from pymatgen.io.cif import CifBlock

import crystalgen
from crystalgen.representation.crystal import SymmetricCrystal
from crystalgen.representation.elements import SYMBOLS
from crystalgen.symmetry.lattice import lattice_matrix
from crystalgen.symmetry.wyckoff import SpaceGroup, space_group

OPERATION_LOOP = ("_symmetry_equiv_pos_site_id", "_symmetry_equiv_pos_as_xyz")
SITE_LOOP = (
    "_atom_site_type_symbol",
    "_atom_site_label",
    "_atom_site_symmetry_multiplicity",
    "_atom_site_Wyckoff_symbol",
    "_atom_site_fract_x",
    "_atom_site_fract_y",
    "_atom_site_fract_z",
    "_atom_site_occupancy",
)
_SYMBOL_PART = re.compile(r"-?\d(?:_\d)?(?:/[a-z])?|[a-z]")
_THIRDS = np.array([1 / 3, 2 / 3])


def cif_text(
    crystal: SymmetricCrystal, *, identifier: str, weights: str | None = None
) -> str:
    """Write a crystal as the text of a CIF with one data block.

    Coordinates have eight digits: enough for programs to see a special position.

    Args:
        crystal: What to write.
        identifier: Name of the block, without spaces, at most 74 characters.
        weights: Name of the weights that made the crystal, if any did.
    """
    group = space_group(crystal.space_group)
    symbol = hermann_mauguin(group)
    cell = [f"{value:.8f}" for value in crystal.lattice_parameters]
    volume = float(np.linalg.det(lattice_matrix(crystal.lattice_parameters)))
    formula, n_units = _formula_sum(crystal, group)
    fields = {
        "_audit_creation_method": f"crystalgen {crystalgen.__version__}",
        "_crystalgen_id": identifier,
    }
    if weights is not None:
        fields["_crystalgen_weights"] = weights
    fields |= {
        "_chemical_formula_structural": crystal.formula,
        "_chemical_formula_sum": formula,
        "_cell_formula_units_Z": str(n_units),
        "_cell_length_a": cell[0],
        "_cell_length_b": cell[1],
        "_cell_length_c": cell[2],
        "_cell_angle_alpha": cell[3],
        "_cell_angle_beta": cell[4],
        "_cell_angle_gamma": cell[5],
        "_cell_volume": f"{volume:.8f}",
        "_space_group_IT_number": str(group.number),
        "_space_group_name_H-M_alt": symbol,
        "_symmetry_Int_Tables_number": str(group.number),
        "_symmetry_space_group_name_H-M": symbol,
    }
    parts = (
        f"# written by crystalgen {crystalgen.__version__}",
        str(CifBlock(fields, [], identifier)),
        operation_loop(group.number),
        _loop_text(SITE_LOOP, _site_columns(crystal, group)),
    )
    return "\n".join(parts) + "\n"


def hermann_mauguin(group: SpaceGroup) -> str:
    """Hermann-Mauguin symbol as CIF wants it, with origin choice or axes.

    >>> [hermann_mauguin(space_group(number)) for number in (14, 166, 227)]
    ['P 1 21/c 1', 'R -3 m :H', 'F d -3 m :2']
    """
    lattice, rest = group.symbol[0], group.symbol[1:]
    parts = _SYMBOL_PART.findall(rest)
    if group.crystal_system == "monoclinic":
        parts = ["1", *parts, "1"]
    choice = [f":{group.choice}"] if group.choice in ("1", "2", "H", "R") else []
    return " ".join([lattice, *parts, *choice]).replace("_", "")


@lru_cache(maxsize=230)
def operation_loop(number: int) -> str:
    """The loop over the operations of a space group, the same in each of its CIFs.

    >>> print(operation_loop(4))
    loop_
     _symmetry_equiv_pos_site_id
     _symmetry_equiv_pos_as_xyz
      1  x,y,z
      2  -x,y+1/2,-z
    """
    operations = operation_texts(number)
    places = [str(place) for place in range(1, len(operations) + 1)]
    return _loop_text(OPERATION_LOOP, [places, list(operations)])


def _loop_text(names: tuple[str, ...], columns: list[list[str]]) -> str:
    """A loop as pymatgen writes it."""
    block = CifBlock(dict(zip(names, columns, strict=True)), [list(names)], "")
    return str(block).partition("\n")[2]  # what follows the name of the block


@lru_cache(maxsize=230)
def operation_texts(number: int) -> tuple[str, ...]:
    """All operations of a space group, centring included, as coordinate triplets.

    >>> operation_texts(5)
    ('x,y,z', '-x,y,-z', 'x+1/2,y+1/2,z', '-x+1/2,y+1/2,-z')
    """
    group = space_group(number)
    return tuple(
        ",".join(
            _linear_text(row, shift)
            for row, shift in zip(rotation, translation, strict=True)
        )
        for rotation, translation in zip(
            group.rotations, group.translations, strict=True
        )
    )


def _linear_text(row: Int[np.ndarray, "3"], shift: float) -> str:
    """One coordinate of a triplet: a row of the rotation and its translation."""
    signs = {1: "+", -1: "-"}
    terms = [
        f"{signs[int(factor)]}{axis}"
        for factor, axis in zip(row, "xyz", strict=True)
        if factor
    ]
    twelfths = round(float(shift) * 12) % 12
    if twelfths:
        unit = int(np.gcd(twelfths, 12))
        terms.append(f"+{twelfths // unit}/{12 // unit}")
    return "".join(terms).removeprefix("+")


def _formula_sum(crystal: SymmetricCrystal, group: SpaceGroup) -> tuple[str, int]:
    """Formula in the order of Hill, and how often the conventional cell holds it."""
    counts = crystal.composition
    unit = int(np.gcd.reduce(list(counts.values())))
    symbols = {SYMBOLS[number - 1]: n for number, n in counts.items()}
    organic = [s for s in ("C", "H") if "C" in symbols and s in symbols]
    order = organic + sorted(set(symbols) - set(organic))
    parts = [f"{s}{symbols[s] // unit if symbols[s] > unit else ''}" for s in order]
    return " ".join(parts), unit * group.n_centring


def _site_columns(crystal: SymmetricCrystal, group: SpaceGroup) -> list[list[str]]:
    """Columns of the loop over atom sites, one row per orbit."""
    positions = [group.positions[index] for index in crystal.wyckoff]
    maps = np.array([position.maps[0] for position in positions])
    points = np.einsum("oij,oj->oi", maps[:, :, :3], crystal.free_coords)
    coords = coordinate_texts(points + maps[:, :, 3])
    symbols = [SYMBOLS[number - 1] for number in crystal.species]
    return [
        symbols,
        [f"{each}{symbols[: n + 1].count(each)}" for n, each in enumerate(symbols)],
        [str(position.multiplicity) for position in positions],
        [position.letter for position in positions],
        *(list(axis) for axis in zip(*coords, strict=True)),
        ["1"] * len(positions),
    ]


def coordinate_texts(points: Float[np.ndarray, "points 3"]) -> list[list[str]]:
    """Fractional coordinates with eight digits, in [0, 1) with rare exceptions.

    pymatgen's parser takes what is within 0.01 % of 1/3 or 2/3 for exactly that,
    which can tear the images of an atom apart; such a coordinate is written in the
    cell before, where the parser leaves it alone.

    >>> coordinate_texts(np.array([[1 / 3, 0.66668, 1.25]]))
    [['0.33333333', '-0.33332000', '0.25000000']]
    """
    wrapped = np.round(points % 1.0, 8) % 1.0
    off = np.abs(wrapped[..., None] - _THIRDS)
    is_near = ((off > 1e-8) & (off < 2e-4 * _THIRDS)).any(axis=-1)
    return [[f"{value:.8f}" for value in row] for row in (wrapped - is_near).tolist()]
