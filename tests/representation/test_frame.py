import numpy as np
import pytest

from crystalgen.representation.conversion import expand
from crystalgen.representation.crystal import primitive_multiplicities
from crystalgen.representation.frame import frame_of


@pytest.mark.parametrize("number", [1, 5, 62, 146, 166, 194, 225, 230])
def test_frames_give_the_atoms_of_crystals(number, random_crystal):
    crystal = random_crystal(number, seed=3)
    frame = frame_of(number, crystal.wyckoff)
    places = np.einsum("aij,aj->ai", frame.maps, crystal.free_coords[frame.orbit])
    offset = places + frame.shifts - expand(crystal).frac_coords
    np.testing.assert_allclose(offset, np.rint(offset), atol=1e-9)
    sizes = primitive_multiplicities(number)
    assert np.bincount(frame.orbit).tolist() == [sizes[w] for w in crystal.wyckoff]


def test_frames_are_shared_and_cannot_be_changed():
    frame = frame_of(225, (0, 1))
    assert frame_of(225, (0, 1)) is frame
    with pytest.raises(ValueError, match="read-only"):
        frame.maps[0] = 0
