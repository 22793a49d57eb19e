import pytest

from crystalgen.decoration import DecorationRequest
from crystalgen.decoration.request import parse_formula
from crystalgen.errors import RequestError


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"n": 0}, "at least 1"),
        ({"elements": ("Xx",)}, "got 'Xx'"),
        ({"keep": ("2b",)}, "got '2b'"),
        ({"supercell": (2, 0, 1)}, "2,0,1"),
        ({"supercell": (9, 9, 9)}, "64 cells"),
        ({"temperature": 0.0}, "above 0"),
        ({"formula": "what?"}, "what?"),
        ({"formula": "Xx2O"}, "Xx"),
        ({"formula": "Li0.5O"}, "whole numbers"),
    ],
)
def test_what_no_crystal_can_fulfil_is_refused(wrong, said):
    with pytest.raises(RequestError, match=said):
        DecorationRequest(**wrong)


def test_a_formula_is_reduced():
    assert parse_formula("Sr4Ti2Zr2O12") == {38: 2, 22: 1, 40: 1, 8: 6}
