from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from crystalgen.generation.checks import fault_of
from crystalgen.generation.separation import MAX_GROWTH, separate
from crystalgen.representation.conversion import expand
from crystalgen.representation.frame import frame_of
from crystalgen.symmetry.detection import space_group_number

RUTILE = 8
"""Place of rutile among the textbook crystals."""


def crowded_rutile(crystals, x):
    """Rutile with its anions too close to each other or to the metal."""
    rutile = crystals[RUTILE]
    return replace(rutile, free_coords=np.array([[0.0, 0, 0], [x, 0.0, 0.0]]))


@pytest.fixture(scope="module")
def limits(weights):
    return weights.distance_limits


def test_the_maps_of_a_crystal_give_its_atoms(crystals):
    for crystal in crystals:
        cell = expand(crystal)
        matrices, shifts = frame_of(crystal.space_group, crystal.wyckoff)[:2]
        xyz = crystal.free_coords[cell.orbit_of_atom]
        places = np.einsum("aij,aj->ai", matrices, xyz) + shifts
        offset = places - cell.frac_coords
        np.testing.assert_allclose(offset, np.rint(offset), atol=1e-9)


def test_crystals_with_room_stay_as_they_are(crystals, weights, limits):
    roomy = [each for each in crystals[:-1] if not fault_of(each, weights)]
    wide = [
        replace(
            each, lattice_parameters=each.lattice_parameters * np.repeat([1.2, 1], 3)
        )
        for each in roomy
    ]
    for before, after in zip(wide, separate(wide, [limits] * len(wide)), strict=True):
        np.testing.assert_array_equal(
            after.lattice_parameters, before.lattice_parameters
        )
        np.testing.assert_allclose(after.free_coords, before.free_coords, atol=1e-6)


@pytest.mark.parametrize("x", [0.18, 0.2, 0.42])
def test_a_crowded_crystal_gets_room_and_keeps_its_group(crystals, weights, x):
    crowded = crowded_rutile(crystals, x)
    assert fault_of(crowded, weights) == "distance"
    (after,) = separate([crowded], [weights.limits_of(crowded)])
    assert fault_of(after, weights) == ""
    assert (after.space_group, after.wyckoff) == (136, crowded.wyckoff)
    cell = expand(after)
    found = space_group_number(
        cell.lattice, cell.frac_coords, cell.numbers, symprec=0.001
    )
    assert found == 136


@settings(max_examples=10)
@given(x=st.floats(0.05, 0.45), scale=st.floats(0.7, 1.1))
def test_cells_grow_within_their_bounds_and_never_shrink(crystals, limits, x, scale):
    crowded = crowded_rutile(crystals, x)
    crowded = replace(
        crowded,
        lattice_parameters=crowded.lattice_parameters * np.repeat([scale, 1.0], 3),
    )
    (after,) = separate([crowded], [limits])
    growth = after.lattice_parameters[:3] / crowded.lattice_parameters[:3]
    np.testing.assert_allclose(growth, growth[0], rtol=1e-6)
    assert 1 - 1e-6 <= growth[0] <= np.exp(MAX_GROWTH) + 1e-6
    assert (after.lattice_parameters[3:] == crowded.lattice_parameters[3:]).all()
    assert ((after.free_coords >= 0) & (after.free_coords < 1)).all()


def test_a_crystal_does_not_depend_on_the_others_of_its_batch(crystals, limits):
    some = [crowded_rutile(crystals, x) for x in (0.18, 0.25, 0.42)]
    together = separate([*some, crystals[0]], [limits] * (len(some) + 1))
    for alone, one in zip(some, together[:-1], strict=True):
        (after,) = separate([alone], [limits])
        np.testing.assert_allclose(after.free_coords, one.free_coords, atol=1e-5)
        np.testing.assert_allclose(
            after.lattice_parameters, one.lattice_parameters, rtol=1e-5
        )
