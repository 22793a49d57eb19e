"""From the text or numbers of an entry to a pymatgen Structure.

Third-party parsers meet files that nobody has foreseen here; whatever they raise
becomes a `DatasetError`, so that one bad file is one rejected entry.
"""

import warnings
from io import StringIO
from typing import cast

import numpy as np
from ase import Atoms
from pymatgen.core import Element, Lattice, Structure
from pymatgen.core.composition import CompositionError
from pymatgen.core.structure import StructureError

from crystalgen.datasets.entry import FileText, Payload, Sites, Unreadable
from crystalgen.datasets.p1_cif import parse_p1_cif
from crystalgen.errors import DatasetError

PARSER_ERRORS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    CompositionError,
    EOFError,
    LookupError,
    NotImplementedError,
    OSError,
    RuntimeError,
    StopIteration,
    StructureError,
    SyntaxError,
    TypeError,
    ValueError,
    Warning,  # pymatgen raises its BadPoscarWarning
)
"""What pymatgen's and ASE's parsers raise on malformed input."""

_DETAIL_LENGTH = 300


def parse(payload: Payload) -> Structure:
    """Read one structure.

    Raises:
        DatasetError: It cannot be read, or is not periodic in three directions.
    """
    if isinstance(payload, Unreadable):
        raise DatasetError(payload.reason)
    kind = "structure" if isinstance(payload, Sites) else payload.format
    try:
        with warnings.catch_warnings():
            # parsers warn of every site they round: not news to the user here
            warnings.simplefilter("ignore")
            return _structure(payload)
    except PARSER_ERRORS as error:
        detail = " ".join(str(error).split())[:_DETAIL_LENGTH]
        raise DatasetError(
            f"not a readable {kind}: {detail or type(error).__name__}"
        ) from error


def _structure(payload: FileText | Sites) -> Structure:
    if isinstance(payload, Sites):
        symbols = [Element.from_Z(int(number)) for number in payload.numbers]
        return Structure(Lattice(payload.lattice), symbols, payload.frac_coords)
    if payload.format == "cif":
        fast = parse_p1_cif(payload.text)
        if fast is not None:
            return fast
        # imported here, like ASE's reader below, because workers that never need
        # it would pay a second for it
        from pymatgen.io.cif import CifParser

        parser = CifParser.from_str(payload.text)
        return parser.parse_structures(primitive=False, on_error="raise")[0]
    if payload.format == "poscar":
        return Structure.from_str(payload.text, fmt="poscar")
    from ase.io import read

    atoms = read(StringIO(payload.text), format="extxyz", index=0)
    return _structure(sites_of_atoms(cast(Atoms, atoms)))


def sites_of_atoms(atoms: Atoms) -> Sites:
    """The numbers of an ASE structure.

    Raises:
        DatasetError: It is not periodic in three directions.
    """
    if not all(atoms.pbc):
        raise DatasetError("not periodic in three directions, so not a crystal")
    lattice = np.array(atoms.cell.array, dtype=np.float64)
    if abs(np.linalg.det(lattice)) < 1e-8:
        raise DatasetError("the cell has no volume")
    return Sites(
        lattice=lattice,
        frac_coords=np.array(atoms.get_scaled_positions(wrap=False), dtype=np.float64),
        numbers=np.array(atoms.numbers, dtype=np.int64),
    )
