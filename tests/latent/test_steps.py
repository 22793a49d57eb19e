from dataclasses import replace

import numpy as np

from crystalgen.generation.candidate import Codes
from crystalgen.latent.steps import (
    REPEAT,
    Step,
    Walk,
    are_same,
    is_repeated,
    volume_per_atom,
)

CODES = Codes(crystal=(0,), roles=((0,), (0,)), orbits=((0,), (0,)))


def step(crystal, fault=""):
    return Step(
        crystal=crystal,
        codes=CODES,
        change="",
        distance=0,
        log_likelihood=0.0,
        fault=fault,
        is_mended=False,
    )


def test_crystals_are_the_same_up_to_rounding_and_whole_cells(crystals):
    rutile = crystals[8]
    moved = rutile.free_coords.copy()
    moved[1, 0] += 1e-4
    assert are_same(rutile, replace(rutile, free_coords=moved))
    moved[1, 0] += 0.01
    assert not are_same(rutile, replace(rutile, free_coords=moved))
    edges = np.repeat([1.0, 1.01, 1.0], [2, 1, 3])
    longer = replace(rutile, lattice_parameters=rutile.lattice_parameters * edges)
    assert not are_same(rutile, longer)


def test_crystals_of_other_elements_or_groups_are_others(crystals):
    assert not are_same(crystals[0], replace(crystals[0], species=(11, 9)))
    assert not are_same(crystals[0], crystals[3])


def test_a_step_repeats_an_earlier_one_and_nothing_repeats_no_crystal(crystals):
    assert is_repeated(step(crystals[0]), [step(crystals[3]), step(crystals[0])])
    assert not is_repeated(step(crystals[0]), [step(crystals[3])])
    assert not is_repeated(step(None), [step(None)])


def test_a_walk_counts_what_it_leaves_out(crystals):
    left_out = (step(None, "cell"), step(crystals[0], REPEAT), step(None, "cell"))
    walk = Walk(steps=(step(crystals[0]),), left_out=left_out)
    assert walk.faults == {"cell": 2, REPEAT: 1}
    assert walk.crystals == (crystals[0],)


def test_volumes_do_not_depend_on_the_cell(crystals):
    salt = crystals[0]
    assert np.isclose(volume_per_atom(salt), 5.64**3 / 8)
