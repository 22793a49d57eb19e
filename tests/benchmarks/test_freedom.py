"""Moving crystals within their groups, with a toy potential in CHGNet's place."""

import importlib
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.lj import LennardJones
from ase.units import GPa

from crystalgen.representation.conversion import from_structure, to_structure
from crystalgen.representation.crystal import SymmetricCrystal

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def toy(monkeypatch):
    """Every pair of atoms attracts beyond 2.5 Å and repels below."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    freedom, potential = map(importlib.import_module, ("freedom", "potential"))

    def derivatives(structure):
        atoms = Atoms(
            [each.symbol for each in structure.species],
            scaled_positions=structure.frac_coords,
            cell=structure.lattice.matrix,
            pbc=True,
            calculator=LennardJones(sigma=2.2, epsilon=0.2, rc=6.0, smooth=True),
        )
        return potential.Derivatives(
            energy=atoms.get_potential_energy() / len(atoms),
            forces=atoms.get_forces(),
            stress_gpa=atoms.get_stress(voigt=False) / GPa,
        )

    monkeypatch.setattr(freedom, "derivatives", derivatives)
    return importlib.import_module("rest")


@pytest.mark.parametrize("group", [136, 167, 186, 227])
def test_gradients_are_those_of_the_energy(toy, crystals, group):
    crystal = next(each for each in crystals if each.space_group == group)
    freedom = toy.Freedom(crystal)
    at = np.random.default_rng(0).normal(size=len(freedom.scale)) * 0.05
    point = freedom.point(at)
    assert len(point.gradient)
    for place, found in enumerate(point.gradient):
        step = np.zeros_like(at)
        step[place] = 1e-3
        expected = freedom.point(at + step).energy - freedom.point(at - step).energy
        assert found == pytest.approx(expected / 2e-3, rel=1e-3, abs=1e-4)


def test_a_crystal_comes_to_rest_in_its_group(toy, crystals):
    rutile = next(each for each in crystals if each.space_group == 136)
    rested = toy.bring_to_rest(rutile)
    assert rested.energy < rested.energy_before
    assert rested.largest_force < rested.largest_force_before
    moved = SymmetricCrystal(
        space_group=rutile.space_group,
        wyckoff=rutile.wyckoff,
        species=rutile.species,
        free_coords=np.array(rested.free_coords),
        lattice_parameters=np.array(rested.lattice_parameters),
    )
    assert from_structure(to_structure(moved)).space_group == rutile.space_group


def test_steps_are_shortened_but_keep_their_direction(toy, crystals):
    freedom = toy.Freedom(next(each for each in crystals if each.space_group == 136))
    step = np.full(len(freedom.scale), 100.0)
    shortened = freedom.shortened(step)
    assert np.ptp(shortened / step) == pytest.approx(0.0)
    change, n = shortened / freedom.scale, len(freedom.free)
    assert (change[:n] * freedom.reach).max() <= 0.15 + 1e-9
    assert change[n:].max() <= 0.05 + 1e-9
