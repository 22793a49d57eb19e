import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given, strategies as st
from pymatgen.core import Composition, Element

from crystalgen.errors import RepresentationError
from crystalgen.representation.crystal import (
    SymmetricCrystal,
    free_parameters,
    primitive_multiplicities,
)
from crystalgen.symmetry.wyckoff import space_group

RUTILE = SymmetricCrystal(
    space_group=136,
    wyckoff=(0, 5),
    species=(22, 8),
    free_coords=np.array([[0.0, 0.0, 0.0], [0.3053, 0.0, 0.0]]),
    lattice_parameters=np.array([4.594, 4.594, 2.959, 90.0, 90.0, 90.0]),
)


def test_rutile_knows_its_atoms_formula_and_label():
    assert RUTILE.n_orbits == 2
    assert RUTILE.orbit_sizes == (2, 4)
    assert RUTILE.n_atoms == 6
    assert RUTILE.composition == {22: 2, 8: 4}
    assert RUTILE.formula == "TiO2"
    assert RUTILE.label == "136:a.f"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"space_group": 0}, "space group: got 0; expected 1 to 230"),
        ({"space_group": 231}, "got 231"),
        ({"wyckoff": (0, 11)}, "orbit 1: got index 11; expected 0 to 10"),
        ({"wyckoff": (-1, 5)}, "orbit 0: got index -1"),
        ({"wyckoff": (5, 0)}, "expected them in order"),
        ({"wyckoff": (0, 0)}, "a position without free parameters once"),
        ({"wyckoff": (0,)}, "got 1 Wyckoff positions, 2 species and 2 rows"),
        ({"species": (22, 0)}, "species: got 0; expected 1 to 118"),
        ({"species": (22, 119)}, "species: got 119"),
        ({"free_coords": np.array([[0, 0, 0], [1.0, 0, 0]])}, "free coordinates"),
        ({"free_coords": np.array([[0, 0, 0], [-0.1, 0, 0]])}, "free coordinates"),
        ({"free_coords": np.array([[0, 0, 0], [0.3, 0.3, 0]])}, "0 where the Wyckoff"),
        ({"free_coords": np.full((2, 3), np.nan)}, "free coordinates"),
        (
            {"lattice_parameters": np.array([4.6, 4.5, 3, 90, 90, 90.0])},
            r"expected a tetragonal cell, for example \[4.55, 4.55, 3.0",
        ),
        (
            {"lattice_parameters": np.array([4.5, 4.5, 3, 90, 91, 90.0])},
            "expected a tetragonal cell",
        ),
        (
            {"lattice_parameters": np.array([-4.5, -4.5, 3, 90, 90, 90.0])},
            "expected a tetragonal cell",
        ),
        (
            {"lattice_parameters": np.array([np.nan, np.nan, 3, 90, 90, 90.0])},
            "expected a tetragonal cell",
        ),
    ],
)
def test_fields_that_spell_no_crystal_are_named(change, message):
    with pytest.raises(RepresentationError, match=message):
        dataclasses.replace(RUTILE, **change)


def test_a_crystal_without_orbits_is_none():
    with pytest.raises(RepresentationError, match="an orbit at least"):
        SymmetricCrystal(
            space_group=1,
            wyckoff=(),
            species=(),
            free_coords=np.zeros((0, 3)),
            lattice_parameters=np.array([4.0, 5.0, 6.0, 80.0, 95.0, 100.0]),
        )


@pytest.mark.parametrize("number", range(1, 231))
def test_quick_facts_agree_with_the_full_table(number):
    group = space_group(number)
    sizes = [p.multiplicity // group.n_centring for p in group.positions]
    assert list(primitive_multiplicities(number)) == sizes
    free = [p.free for p in group.positions]
    np.testing.assert_array_equal(free_parameters(number).astype(bool), free)


@given(st.integers(0, 2**32 - 1))
def test_formulas_are_those_of_pymatgen(seed):
    rng = np.random.default_rng(seed)
    crystal = SymmetricCrystal(
        space_group=194,
        wyckoff=(0, 2, 6),
        species=tuple(int(z) for z in rng.choice([1, 3, 8, 9, 14, 26, 38, 57, 92], 3)),
        free_coords=np.zeros((3, 3)),
        lattice_parameters=np.array([4.0, 4.0, 6.0, 90.0, 90.0, 120.0]),
    )
    counts = {Element.from_Z(z): n for z, n in crystal.composition.items()}
    found = Composition(crystal.formula)
    expected = Composition(counts).fractional_composition
    assert found.fractional_composition.almost_equals(expected)
    assert math.gcd(*(int(amount) for amount in found.values())) == 1
