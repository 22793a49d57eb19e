from dataclasses import replace

import numpy as np
import pytest
from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

from crystalgen.generation.checks import fault_of
from crystalgen.representation.conversion import to_structure
from crystalgen.representation.crystal import SymmetricCrystal


def test_a_crystal_that_pymatgen_reads_back_with_another_group_is_refused(weights):
    # a monoclinic crystal so near to P4mm that the order of its atoms decides
    crystal = SymmetricCrystal(
        space_group=6,
        wyckoff=(0, 0, 0, 1, 1),
        species=(26, 34, 34, 66, 34),
        free_coords=np.array(
            [
                [0.0, 0.0, 0.0],
                [0.99902427, 0.0, 0.49393708],
                [0.48671305, 0.0, 0.00841200],
                [0.50813454, 0.0, 0.49875516],
                [0.00451285, 0.0, 0.00007141],
            ]
        ),
        lattice_parameters=np.array([4.846557, 4.832121, 4.811534, 90, 90.034963, 90]),
    )
    structure = to_structure(crystal)
    groups = [
        SpacegroupAnalyzer(each, symprec=0.1).get_space_group_number()
        for each in (structure, structure.get_sorted_structure())
    ]
    assert groups == [6, 99]
    assert fault_of(crystal, weights) == "group"


def test_textbook_crystals_have_no_fault_of_group(weights, crystals):
    assert "group" not in {fault_of(crystal, weights) for crystal in crystals}


def test_the_group_is_the_one_that_pymatgen_finds(weights):
    # a triclinic crystal so near to C2/m that the tolerance of angles decides
    crystal = SymmetricCrystal(
        space_group=2,
        wyckoff=(0, 8),
        species=(42, 16),
        free_coords=np.array([[0.0, 0.0, 0.0], [0.34740519, 0.37604583, 0.81533827]]),
        lattice_parameters=np.array(
            [2.72445694, 2.73304763, 9.49283335, 83.97562424, 85.39884771, 59.70665249]
        ),
    )
    analyzer = SpacegroupAnalyzer(to_structure(crystal), symprec=0.1)
    assert analyzer.get_space_group_number() == 12
    assert fault_of(crystal, weights) in ("group", "distance")


def test_a_crystal_with_a_smaller_cell_has_another_group(weights):
    # P-1 with twice the cell of iron at (0, 0, 0): also P-1, of half the size
    crystal = SymmetricCrystal(
        space_group=2,
        wyckoff=(0, 3),
        species=(26, 26),
        free_coords=np.zeros((2, 3)),
        lattice_parameters=np.array([5.2, 3.1, 3.3, 80.0, 75.0, 85.0]),
    )
    larger = replace(crystal, species=(26, 13))
    assert SpacegroupAnalyzer(to_structure(crystal)).get_space_group_number() == 2
    assert fault_of(crystal, weights) == "group"
    assert fault_of(larger, weights) != "group"


@pytest.mark.parametrize(
    ("cation", "fault"), [(20, ""), (22, "distance")], ids=["CaO2", "TiO2"]
)
def test_oxygen_bonds_to_itself_only_where_charges_ask_for_it(weights, cation, fault):
    """The structure of CaC2: a peroxide of calcium, and TiO2, which needs no bond."""
    crystal = SymmetricCrystal(
        space_group=139,
        wyckoff=(0, 4),
        species=(cation, 8),
        free_coords=np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 0.5 - 0.75 / 6.0]]),
        lattice_parameters=np.array([3.6, 3.6, 6.0, 90.0, 90.0, 90.0]),
    )
    anything = replace(weights)
    vars(anything)["distance_limits"] = np.zeros((119, 119))  # as learnt elsewhere
    assert fault_of(crystal, anything) == fault
    assert fault_of(crystal, anything, limits=anything.distance_limits) == ""


def test_a_group_that_is_asked_for_is_found_in_any_order_of_the_atoms(weights):
    # a perovskite so near to Pm that the order of its atoms decides
    crystal = SymmetricCrystal(
        space_group=1,
        wyckoff=(0,) * 5,
        species=(47, 24, 8, 8, 8),
        free_coords=np.array(
            [
                [0.92624849, 0.96600517, 0.99078851],
                [0.42548362, 0.46139993, 0.49129692],
                [0.44053489, 0.95548014, 0.48448067],
                [0.39876321, 0.46531764, 0.99226479],
                [0.92385531, 0.43865051, 0.50070839],
            ]
        ),
        lattice_parameters=np.array(
            [3.81045626, 3.80763152, 3.80793922, 89.74043548, 89.52696277, 89.48753985]
        ),
    )
    structure = to_structure(crystal)
    groups = [
        SpacegroupAnalyzer(each, symprec=0.1).get_space_group_number()
        for each in (structure, structure.get_sorted_structure())
    ]
    assert groups == [6, 1]
    assert fault_of(crystal, weights) == ""
    assert fault_of(crystal, weights, is_group_asked=True) == "group"
