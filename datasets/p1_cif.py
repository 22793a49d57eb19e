"""A fast reader for the CIFs that pymatgen writes without symmetry.

Benchmark data sets hold tens of thousands of them, and they all look the same. What
this reader takes it reads exactly as pymatgen's `CifParser` would, also where that
moves 0.3333 to 1/3; everything else it leaves to pymatgen by returning None.
"""

import re

import numpy as np
from pymatgen.core import Element, Lattice, Structure

_NUMBER = r"[-+]?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?"
_CELL = "".join(
    rf"_cell_{kind}_{name} +({_NUMBER}) *\n"
    for kind, names in (("length", "abc"), ("angle", ("alpha", "beta", "gamma")))
    for name in names
)
_HEADER = re.compile(
    r"(?:# generated using pymatgen\n)?"
    r"data_\S+\n"
    r"_symmetry_space_group_name_H-M +'P 1'\n"
    + _CELL
    + r"_symmetry_Int_Tables_number +1\n"
    r"_chemical_formula_structural +[^\n;]+\n"
    r"_chemical_formula_sum +[^\n;]+\n"
    r"_cell_volume +[^\s;]+\n"
    r"_cell_formula_units_Z +\d+\n"
    r"loop_\n _symmetry_equiv_pos_site_id\n _symmetry_equiv_pos_as_xyz\n"
    r"  1  'x, y, z'\n"
    r"loop_\n _atom_site_type_symbol\n _atom_site_label\n"
    r" _atom_site_symmetry_multiplicity\n"
    r" _atom_site_fract_x\n _atom_site_fract_y\n _atom_site_fract_z\n"
    r" _atom_site_occupancy\n"
)
_SITES = re.compile(
    rf"(?:  [A-Z][a-z]?  \w+  1(?:  {_NUMBER}){{3}}  1(?:\.0*)?\n)+\s*\Z"
)
_ISOTOPES = {"D", "T"}
_SYMBOLS = {Element.from_Z(number).symbol for number in range(1, 119)} - _ISOTOPES
_THIRDS = (1 / 3, 2 / 3)
_SNAP = 1e-4  # CifParser's frac_tolerance
_APART = 1e-3  # more than CifParser's site_tolerance, below which sites are merged


def parse_p1_cif(text: str) -> Structure | None:
    """Read a CIF without symmetry, or return None for pymatgen to try.

    >>> parse_p1_cif("data_something_else") is None
    True
    """
    header = _HEADER.match(text)
    if header is None or _SITES.match(text, header.end()) is None:
        return None
    fields = text[header.end() :].split()
    symbols = fields[0::7]
    if not _SYMBOLS.issuperset(symbols):
        return None
    columns = [fields[axis::7] for axis in (3, 4, 5)]
    frac = np.array(columns, dtype=np.float64).T
    for third in _THIRDS:
        frac[np.abs(frac / third - 1) <= _SNAP] = third
    frac -= np.floor(frac)
    if _are_close(frac):
        return None
    lattice = Lattice.from_parameters(*(float(value) for value in header.groups()))
    return Structure(lattice, symbols, frac)


def _are_close(frac: np.ndarray) -> bool:
    """Whether any two sites are so close that a parser may take them for one."""
    offset = frac[:, None] - frac[None, :]
    offset -= np.rint(offset)
    apart = np.abs(offset).max(axis=-1)
    np.fill_diagonal(apart, 1.0)
    return bool(apart.min() < _APART)
