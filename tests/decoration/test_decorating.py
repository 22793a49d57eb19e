import numpy as np
import pytest
from pymatgen.io.ase import AseAtomsAdaptor

import crystalgen
from crystalgen.decoration import DecorationRequest, decorate
from crystalgen.representation.canonical import canonicalize
from crystalgen.representation.conversion import from_structure


def decorated(weights, structure, *, seed=0, **asked):
    request = DecorationRequest(**{"n": 12, "allow_known": True, **asked})
    return list(decorate(structure, request, seed=seed, weights=weights))


def facts(found):
    return [(each.crystal.species, each.score, each.sites) for each in found]


@pytest.mark.parametrize("formula", ["SrTiO3", "ZnO", "TiO2", "ZrO2"])
def test_frozen_sites_and_the_group_stay(weights, structures, formula):
    host = structures[formula]
    group = from_structure(host).space_group
    found = decorated(weights, host, keep=("O",), cell="rescaled")
    oxygens = host.composition["O"]
    for each in found:
        assert each.space_group == group
        assert each.structure.composition["O"] == oxygens


def test_the_cell_stays_unless_it_is_rescaled(weights, perovskite):
    volume = perovskite.volume
    for each in decorated(weights, perovskite, sites=("Sr",)):
        assert each.structure.volume == pytest.approx(volume)
    rescaled = decorated(weights, perovskite, sites=("Sr",), cell="rescaled")
    [host] = [each for each in rescaled if each.is_host]
    assert host.structure.volume == pytest.approx(volume, rel=1e-5)
    others = {round(each.structure.volume, 4) for each in rescaled}
    assert len(others) == len(rescaled)


def test_the_best_come_first(weights, perovskite):
    found = decorated(weights, perovskite, keep=("O",))
    values = [each.score for each in found]
    assert values == sorted(values, reverse=True)
    assert [each.rank for each in found] == list(range(len(found)))
    assert len({each.crystal.species for each in found}) == len(found)


def test_the_same_seed_gives_the_same(weights, perovskite):
    runs = [decorated(weights, perovskite, seed=3, keep=("O",)) for _ in range(2)]
    assert facts(runs[0]) == facts(runs[1])
    assert runs[0]


def test_the_host_is_among_its_decorations(weights, crystals, structures):
    for crystal in crystals[:9]:
        symbol = next(iter(structures[crystal.formula].composition)).symbol
        found = decorated(weights, structures[crystal.formula], n=100, sites=(symbol,))
        [host] = [each for each in found if each.is_host]
        assert host.is_known
        expected = canonicalize(crystal)
        assert host.crystal.species == expected.species
        np.testing.assert_allclose(
            host.crystal.lattice_parameters, expected.lattice_parameters, atol=1e-6
        )


def test_training_crystals_are_left_out(weights, perovskite):
    request = DecorationRequest(sites=("Ti",))
    run = decorate(perovskite, request, weights=weights)
    assert not any(each.is_known or each.is_host for each in run)
    assert run.tally.rejected["known"] >= 1
    assert "known" in run.shortfall


def test_orderings_of_a_supercell_are_told_apart(weights, perovskite):
    found = decorated(
        weights,
        perovskite,
        supercell=(2, 2, 1),
        symmetry="lowered",
        sites=("Ti",),
        sharing="apart",
        formula="Sr2TiZrO6",
    )
    # two neighbours or two across the diagonal of the four
    assert len(found) == 2
    assert {each.formula for each in found} == {"Sr2ZrTiO6"}
    assert all(each.space_group > 16 for each in found)


def test_ase_atoms_are_hosts_too(weights, perovskite):
    atoms = AseAtomsAdaptor.get_atoms(perovskite, msonable=False)
    asked = {"n": 5, "sites": ("Sr",)}
    of_atoms = decorated(weights, atoms, **asked)
    assert facts(of_atoms) == facts(decorated(weights, perovskite, **asked))


def test_the_package_has_it():
    assert crystalgen.decorate is decorate
    assert crystalgen.DecorationRequest is DecorationRequest
