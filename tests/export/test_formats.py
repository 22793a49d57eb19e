import pytest

from crystalgen.errors import ExportError
from crystalgen.export.formats import Format, parse_formats


def test_formats_are_read_in_order_and_once():
    assert parse_formats(" json,CIF,json ") == (Format.JSON, Format.CIF)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cfi", "got 'cfi'; expected .* did you mean 'cif'"),
        ("cif,xyz", "got 'xyz'; expected .* did you mean 'extxyz'"),
        ("vasp", "expected one or more of cif, poscar, extxyz, json"),
        ("", "got ''; expected one or more of"),
        (",", "got ','; expected one or more of"),
    ],
)
def test_an_unknown_format_names_the_nearest(text, message):
    with pytest.raises(ExportError, match=message):
        parse_formats(text)
