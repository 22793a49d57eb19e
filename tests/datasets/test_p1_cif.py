import itertools
import warnings

import numpy as np
import pytest
from hypothesis import given, strategies as st
from pymatgen.core import Lattice, Structure
from pymatgen.io.cif import CifParser, CifWriter

from crystalgen.datasets.csv import csv_source
from crystalgen.datasets.entry import FileText
from crystalgen.datasets.p1_cif import parse_p1_cif


def written(structure):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return str(CifWriter(structure))


def by_pymatgen(text):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return CifParser.from_str(text).parse_structures(primitive=False)[0]


def sites(structure):
    """Sites in an order of their own: the two readers sort differently."""
    return sorted((site.specie.Z, *site.frac_coords.tolist()) for site in structure)


# on a grid so that atoms keep apart; thirds to a few digits are rounded by pymatgen
axis = st.sampled_from([0.0, 0.3333, 0.33333333, 0.4, 0.5, 0.6667, 0.66661, 0.9, 1.2])
places = st.lists(
    st.tuples(axis, axis, axis),
    min_size=1,
    max_size=6,
    unique_by=lambda place: tuple(round(x % 1, 2) for x in place),
)


@given(
    places=places,
    elements=st.lists(
        st.sampled_from(["H", "Na", "No", "Co", "C", "O", "W", "Og"]),
        min_size=6,
        max_size=6,
    ),
    lengths=st.tuples(*[st.floats(2.5, 30)] * 3),
    angles=st.tuples(*[st.floats(70, 110)] * 3),
)
def test_the_fast_reader_reads_what_pymatgen_reads(places, elements, lengths, angles):
    lattice = Lattice.from_parameters(*lengths, *angles)
    text = written(Structure(lattice, elements[: len(places)], places))

    fast = parse_p1_cif(text)

    reference = by_pymatgen(text)
    assert fast is not None
    assert np.array_equal(fast.lattice.matrix, reference.lattice.matrix)
    assert sites(fast) == sites(reference)


CIF = written(Structure(Lattice.cubic(4), ["Cs", "Cl"], [[0, 0, 0], [0.5] * 3]))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("'P 1'", "'P -1'"),
        ("'x, y, z'\n", "'x, y, z'\n  2  '-x, -y, -z'\n"),
        ("  Cs  Cs0", "  Cs+  Cs0"),
        ("  Cs  Cs0", "  D  D0"),
        ("  Cs  Cs0", "  Qq  Qq0"),
        ("0.50000000  1\n", "0.50000000  0.5\n"),
        ("  0.50000000  1\n", "  0.5(3)  1\n"),
        ("  0.50000000  1\n", "  ?  1\n"),
        ("4.00000000", "4.0(1)"),
        ("_atom_site_occupancy", "_atom_site_U_iso"),
        ("0.50000000  0.50000000  0.50000000", "0.00001  0.00001  0.00001"),
    ],
)
def test_anything_out_of_the_ordinary_is_left_to_pymatgen(old, new):
    assert old in CIF

    assert parse_p1_cif(CIF) is not None
    assert parse_p1_cif(CIF.replace(old, new, 1)) is None


def test_text_after_the_sites_is_left_to_pymatgen():
    assert parse_p1_cif(CIF + "data_second\n") is None


@pytest.mark.data
@pytest.mark.parametrize("name", ["mp_20", "perov_5", "carbon_24", "mpts_52"])
def test_real_cifs_are_read_fast_and_as_pymatgen_reads_them(real_data, name):
    source = csv_source(real_data / name / "val.csv.gz")

    for entry in itertools.islice(source.entries(), 0, 60, 4):
        assert isinstance(entry.payload, FileText)
        fast = parse_p1_cif(entry.payload.text)
        reference = by_pymatgen(entry.payload.text)
        assert fast is not None
        assert np.array_equal(fast.lattice.matrix, reference.lattice.matrix)
        assert sites(fast) == sites(reference)
