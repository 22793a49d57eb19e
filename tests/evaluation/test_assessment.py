import numpy as np
import pytest
from ase.neighborlist import neighbor_list
from pymatgen.core import DummySpecies, Lattice, Structure
from pymatgen.io.ase import AseAtomsAdaptor

from crystalgen.errors import GeometryError, RepresentationError
from crystalgen.evaluation.assessment import (
    assess,
    describe,
    is_separated,
    n_lone_atoms,
)
from crystalgen.evaluation.groups import GroupMatch
from crystalgen.representation.conversion import (
    to_conventional_structure,
    to_structure,
)

SALT = Structure.from_spacegroup(
    "Fm-3m", Lattice.cubic(5.64), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]]
)


def test_table_salt_passes_everything():
    found = assess("salt", SALT, asked_group=225)
    assert (found.formula, found.n_atoms, found.n_elements) == ("NaCl", 2, 2)
    assert found.density == pytest.approx(2.16, abs=0.02)  # g/cm³, CRC Handbook
    assert found.verdict.is_valid_strictly
    assert found.is_cdvae_valid
    assert found.space_group == 225
    assert found.group_matches == (GroupMatch.KEPT, GroupMatch.KEPT)
    assert found.labels is not None
    assert found.labels.protostructure == "225:Na=a/Cl=b"


def test_the_verdict_does_not_depend_on_the_cell_or_on_what_is_known(crystals):
    for crystal in crystals[:6]:
        primitive = to_structure(crystal)
        known = assess("x", primitive, crystal=crystal)
        found = assess("x", to_conventional_structure(crystal))
        for name in ("formula", "n_atoms", "verdict", "is_smact_valid", "labels"):
            assert getattr(found, name) == getattr(known, name), crystal.formula


def test_a_reference_is_described_as_the_judged_are(crystals):
    for crystal in crystals[:6]:
        conventional = to_conventional_structure(crystal)
        found = describe(conventional, crystal=None)
        expected = assess("x", to_structure(crystal)).traits
        assert found.density == pytest.approx(expected.density)
        assert found.n_elements == expected.n_elements
        assert found.space_group == expected.space_group == crystal.space_group
        known = describe(conventional, crystal=crystal)
        assert known.space_group == crystal.space_group


def test_a_group_is_compared_only_if_one_was_asked_for():
    assert assess("salt", SALT).group_matches == ()


def test_the_group_is_that_of_the_file_where_there_is_one(crystals):
    crystal = crystals[0]
    found = assess(
        "salt",
        to_structure(crystal),
        crystal=crystal,
        asked_group=225,
        as_written=to_structure(crystals[8]),
    )
    assert found.space_group == 136
    assert found.group_matches == (GroupMatch.OTHER, GroupMatch.OTHER)


def test_oxidation_states_are_dropped():
    charged = SALT.copy()
    charged.add_oxidation_state_by_element({"Na": 1, "Cl": -1})
    assert assess("x", charged) == assess("x", SALT)


def test_atoms_half_an_angstrom_apart_are_separated():
    def pair(distance):
        place = [0, 0, distance / 8]
        return Structure(Lattice.cubic(8.0), ["H", "O"], [[0, 0, 0], place])

    assert is_separated(pair(0.5 + 1e-6))
    assert not is_separated(pair(0.5 - 1e-6))
    assert not is_separated(pair(7.6))  # across the boundary


@pytest.mark.parametrize("length", [5.9, 6.1, 12.1, 18.5])
def test_lone_atoms_are_those_that_ase_finds_no_neighbour_of(length):
    places = [[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0.6]]
    structure = Structure(Lattice.tetragonal(length, 12.5), ["Na", "O", "O"], places)
    centres = neighbor_list("i", AseAtomsAdaptor.get_atoms(structure), 6.0)
    assert n_lone_atoms(structure) == 3 - len(set(centres.tolist()))
    assert n_lone_atoms(structure * (2, 1, 1)) == 2 * n_lone_atoms(structure)


def test_a_crystal_that_fell_apart_passes_all_else():
    apart = Structure(Lattice.cubic(15.0), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    found = assess("x", apart)
    assert found.verdict.is_valid
    assert found.is_cdvae_valid
    assert found.n_lone_atoms == 2
    assert assess("x", SALT).n_lone_atoms == 0


def test_crowded_atoms_are_judged_invalid_and_not_refused():
    places = [[0, 0, 0], [0, 0, 0.01], [0.5, 0.5, 0.5]]
    crowded = Structure(Lattice.cubic(4.0), ["Cs", "Cs", "Cl"], places)
    found = assess("crowded", crowded, asked_group=221)
    assert not found.verdict.is_spaced
    assert not found.is_cdvae_valid
    assert found.space_group == 0
    assert found.labels is None


def test_what_is_no_crystal_is_refused_with_a_reason():
    disordered = Structure(Lattice.cubic(4.0), [{"Fe": 0.5, "Ni": 0.5}], [[0, 0, 0]])
    with pytest.raises(RepresentationError, match="disordered"):
        assess("x", disordered)
    vacancy = Structure(Lattice.cubic(4.0), [DummySpecies("X", 0)], [[0, 0, 0]])
    with pytest.raises(RepresentationError, match="is no element"):
        assess("x", vacancy)
    nowhere = Structure(Lattice.cubic(4.0), ["Fe"], [[np.nan, 0, 0]])
    with pytest.raises(GeometryError):
        assess("x", nowhere)
    fused = Structure(Lattice.cubic(4.0), ["Cs", "Cl"], [[0, 0, 0], [0, 0, 1e-9]])
    with pytest.raises(GeometryError, match="same place"):
        assess("x", fused)
