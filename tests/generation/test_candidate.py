import json

import numpy as np
import pytest
from monty.json import MontyDecoder

from crystalgen.generation.candidate import Candidate, Codes, Tally
from crystalgen.representation.conversion import from_structure


@pytest.fixture
def candidate(crystals):
    codes = Codes(crystal=(1,), roles=((2,), (3,)), orbits=((0,), (4,)))
    return Candidate(
        index=7, crystal=crystals[8], codes=codes, log_prob=-3.5, is_neutral=True
    )


def test_structure_and_atoms_are_the_same_primitive_cell(candidate):
    structure, atoms = candidate.structure, candidate.atoms
    assert structure.composition.reduced_formula == "TiO2"
    assert len(structure) == len(atoms) == 6
    np.testing.assert_allclose(atoms.cell.array, structure.lattice.matrix)
    np.testing.assert_allclose(atoms.get_positions(), structure.cart_coords)
    assert atoms.get_chemical_symbols() == [site.specie.symbol for site in structure]
    assert atoms.pbc.all()


def test_the_structure_has_the_group_of_the_candidate(candidate):
    assert candidate.space_group == 136
    assert from_structure(candidate.structure).space_group == 136


def test_the_formula_is_reduced(candidate):
    assert candidate.formula == "TiO2"


def test_a_dict_is_json_and_its_structure_is_decoded_by_others(candidate):
    read = json.loads(json.dumps(candidate.as_dict()), cls=MontyDecoder)
    assert read["structure"] == candidate.structure
    assert read["codes"] == {"crystal": [1], "roles": [[2], [3]], "orbits": [[0], [4]]}
    assert (read["index"], read["space_group"], read["formula"]) == (7, 136, "TiO2")


def test_a_tally_begins_at_nothing():
    tally = Tally()
    assert (tally.drawn, tally.valid, tally.unique) == (0, 0, 0)
    assert not tally.rejected
    tally.rejected["distance"] += 1
    assert not Tally().rejected
