import gzip
import warnings

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure
from pymatgen.io.cif import CifWriter

HEADER = "material_id,band_gap,pretty_formula,e_above_hull,cif\n"


def rock_salt(cation="Na", anion="Cl", edge=5.64):
    corners = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
    return Structure(
        Lattice.cubic(edge),
        [cation] * 4 + [anion] * 4,
        [*corners, *(corners + 0.5) % 1],
    )


def cif_text(structure):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return str(CifWriter(structure))


def table_text(structures, header=HEADER):
    hulls = ["0.1", *[""] * len(structures)]
    rows = [
        f'mp-{number},{number}.5,InF,{hulls[number]},"{cif_text(structure)}"\n'
        for number, structure in enumerate(structures)
    ]
    return header + "".join(rows)


@pytest.fixture
def salts():
    return [
        rock_salt("Na", "Cl", 5.64),
        rock_salt("Mg", "O", 4.21),
        rock_salt("Li", "F", 4.03),
    ]


@pytest.fixture
def table(tmp_path, salts):
    path = tmp_path / "salts.csv"
    path.write_text(table_text(salts))
    return path


@pytest.fixture
def gzipped_table(tmp_path, salts):
    path = tmp_path / "salts.csv.gz"
    path.write_bytes(gzip.compress(table_text(salts).encode()))
    return path
