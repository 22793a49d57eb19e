import dataclasses
import importlib
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def geometry(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module("geometry")


def changed(crystal, *, stretch=1.0, shift=0.0):
    parameters = crystal.lattice_parameters.copy()
    parameters[2] *= stretch
    coords = crystal.free_coords.copy()
    coords[-1, 0] += shift
    return dataclasses.replace(
        crystal, lattice_parameters=parameters, free_coords=coords
    )


@pytest.fixture
def task(geometry, crystals):
    """The second and the third sample match; the third is closest."""
    rutile = next(each for each in crystals if each.space_group == 136)
    far = changed(rutile, stretch=3.0)
    made = (far, changed(rutile, shift=0.02), rutile, far)
    return geometry.Task(truth=rutile, made=made)


def test_what_is_compared_until_a_match_starts_as_what_is_compared_at_all(
    geometry, task
):
    every = geometry.distances(task, compare="all")
    some = geometry.distances(task, compare="until-matched")
    assert np.isfinite(every).tolist() == [False, True, True, False]
    assert some == every[:2]
    assert every[2] < every[1]


def test_match_rates_do_not_depend_on_what_comes_after_a_match(geometry, task):
    every = np.array([geometry.distances(task, compare="all")])
    some = np.full_like(every, np.inf)
    found = geometry.distances(task, compare="until-matched")
    some[0, : len(found)] = found
    rates = [geometry.figures(each)["best of k %"] for each in (some, every)]
    assert rates == [{"4": 100.0}] * 2
    assert geometry.closest(every)["best RMSE"] < geometry.closest(some)["best RMSE"]


def test_the_nearest_crystal_is_of_the_most_similar_elements(geometry, crystals):
    nearest = importlib.import_module("nearest_geometry")
    salt, lithium_fluoride, magnesia = crystals[:3]
    (made,) = nearest.copied([lithium_fluoride, magnesia], [salt], samples=2)
    assert {each.species for each in made} == {salt.species}
    # by Pauling, O (3.44) is nearer to Cl (3.16) than F (3.98)
    gaps = [nearest.remoteness(salt, e) for e in (magnesia, lithium_fluoride, salt)]
    assert sorted(gaps) == [gaps[2], gaps[0], gaps[1]]
