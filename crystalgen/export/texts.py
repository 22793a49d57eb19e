"""A crystal as the text of each file format, by pure functions of its record.

All start from the same record, so they always agree. ASE and pymatgen's VASP module
cost half a second each to import and are imported where they are used.
"""

import io
import json
from collections.abc import Callable

from pymatgen.core import Structure

from crystalgen.export.cif import cif_text
from crystalgen.export.formats import Format
from crystalgen.export.readback import check_cif
from crystalgen.export.record import CrystalRecord
from crystalgen.representation.conversion import expand, to_structure


def checked_cif(record: CrystalRecord, weights: str | None) -> str:
    """The symmetrised CIF of a record, read back and found to be the crystal.

    Raises:
        ExportError: The text does not say the crystal.
    """
    text = cif_text(record.crystal, identifier=record.identifier, weights=weights)
    check_cif(text, record.crystal)
    return text


def poscar_text(record: CrystalRecord, weights: str | None) -> str:
    """The primitive cell as a POSCAR of VASP 5, elements in blocks."""
    from pymatgen.io.vasp.inputs import Poscar

    structure = to_structure(record.crystal).get_sorted_structure()
    comment = f"{record.identifier} {record.crystal.label}"
    comment += f" {weights}" if weights else ""
    return Poscar(structure, comment=comment).get_str(significant_figures=12)


def structure_json(record: CrystalRecord, weights: str | None) -> str:
    """The primitive cell as the JSON of a pymatgen ``Structure``."""
    structure: Structure = to_structure(record.crystal)
    structure.properties = {
        "crystalgen_id": record.identifier,
        "crystalgen_weights": weights,
        "space_group": record.crystal.space_group,
    }
    return json.dumps(structure.as_dict())


def extxyz_text(record: CrystalRecord, weights: str | None) -> str:
    """The primitive cell as one frame of extended XYZ (ASE)."""
    from ase import Atoms
    from ase.io.extxyz import write_extxyz

    expanded = expand(record.crystal)
    atoms = Atoms(
        numbers=expanded.numbers,
        cell=expanded.lattice,
        scaled_positions=expanded.frac_coords,
        pbc=True,
        info={
            "id": record.identifier,
            "formula": record.crystal.formula,
            "space_group": record.crystal.space_group,
            "wyckoff": record.crystal.label,
        }
        | ({"weights": weights} if weights else {}),
    )
    file = io.StringIO()
    write_extxyz(file, [atoms])
    return file.getvalue()


WRITERS: dict[Format, Callable[[CrystalRecord, str | None], str]] = {
    Format.CIF: checked_cif,
    Format.POSCAR: poscar_text,
    Format.EXTXYZ: extxyz_text,
    Format.JSON: structure_json,
}
"""Text of a record in each format, given the name of the weights that made it."""
