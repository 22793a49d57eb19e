import numpy as np
import pytest
import spglib
from pymatgen.core import Lattice, Structure

from crystalgen.errors import SymmetryError
from crystalgen.symmetry.detection import detect, space_group_number
from crystalgen.symmetry.wyckoff import LETTERS

CUBIC = Lattice.cubic(5.64)
PROTOTYPES = {
    # from the structure reports as ITA and the AFLOW prototype library give them
    "rock salt": ("Fm-3m", CUBIC, {"Na": [0, 0, 0], "Cl": [0.5, 0.5, 0.5]}, "ab"),
    "fluorite": ("Fm-3m", CUBIC, {"Ca": [0, 0, 0], "F": [0.25, 0.25, 0.25]}, "ac"),
    "zinc blende": ("F-43m", CUBIC, {"Zn": [0, 0, 0], "S": [0.25, 0.25, 0.25]}, "ac"),
    "rutile": (
        "P4_2/mnm",
        Lattice.tetragonal(4.594, 2.959),
        {"Ti": [0, 0, 0], "O": [0.3053, 0.3053, 0]},
        "af",
    ),
    "wurtzite": (
        "P6_3mc",
        Lattice.hexagonal(3.82, 6.26),
        {"Zn": [1 / 3, 2 / 3, 0], "S": [1 / 3, 2 / 3, 0.3748]},
        "bb",
    ),
    "corundum": (
        "R-3c",
        Lattice.hexagonal(4.759, 12.991),
        {"Al": [0, 0, 0.3522], "O": [0.3064, 0, 0.25]},
        "ce",
    ),
}
NUMBERS = dict(zip(PROTOTYPES, (225, 225, 216, 136, 186, 167), strict=True))


def prototype(name):
    symbol, lattice, atoms, _ = PROTOTYPES[name]
    return Structure.from_spacegroup(symbol, lattice, list(atoms), list(atoms.values()))


def arrays(structure):
    numbers = np.array([site.specie.Z for site in structure])
    return structure.lattice.matrix, structure.frac_coords, numbers


@pytest.mark.parametrize("name", PROTOTYPES)
@pytest.mark.parametrize("is_primitive", [True, False])
def test_prototypes_are_found_in_any_cell(name, is_primitive):
    structure = prototype(name)
    if is_primitive:
        structure = structure.get_primitive_structure()
    found = detect(*arrays(structure))
    assert found.space_group == NUMBERS[name]
    assert space_group_number(*arrays(structure)) == NUMBERS[name]
    # the origin is spglib's choice: a and b, or c and d, may have traded places
    trade = str.maketrans("bd", "ac")
    letters = "".join(sorted(LETTERS[index] for index in found.wyckoff))
    assert letters.translate(trade) == PROTOTYPES[name][3].translate(trade)
    _, lattice, _, _ = PROTOTYPES[name]
    np.testing.assert_allclose(found.lattice_parameters, lattice.parameters, atol=1e-6)


def test_displaced_atoms_are_averaged_onto_the_symmetry():
    lattice, coords, numbers = arrays(prototype("rutile"))
    rng = np.random.default_rng(0)
    deviations = []
    for _ in range(60):
        noise = rng.normal(size=coords.shape) * 0.01 @ np.linalg.inv(lattice)
        found = detect(lattice, coords + noise, numbers)
        assert (found.space_group, len(found.wyckoff)) == (136, 2)
        x = found.free_coords.max() % 0.5  # x, -x and 1/2 + x describe one crystal
        deviations.append(min(x, 0.5 - x) - (0.5 - 0.3053))
    # x is the mean of two coordinates of each of the four oxygen atoms
    expected = 0.01 / 4.594 / np.sqrt(8)
    assert np.std(deviations) == pytest.approx(expected, rel=0.3)
    assert abs(np.mean(deviations)) < expected / 2


def test_a_strained_cell_is_averaged_onto_the_crystal_system():
    lattice, coords, numbers = arrays(prototype("rock salt"))
    strain = np.diag([1.004, 0.998, 0.999])
    found = detect(lattice @ strain, coords, numbers)
    a, b, c = found.lattice_parameters[:3]
    assert a == b == c
    # the metric is averaged: a^2 is the mean of the three squares
    assert a == pytest.approx(5.64 * np.sqrt((np.diag(strain) ** 2).mean()))


def test_atoms_closer_than_symprec_are_refused_with_a_remedy():
    with pytest.raises(SymmetryError, match="a smaller symprec may help"):
        detect(
            np.eye(3) * 5,
            np.array([[0, 0, 0], [0, 0, 0.004]]),
            np.array([6, 6]),
            symprec=0.1,
        )


def test_the_number_is_the_one_spglib_gives():
    rng = np.random.default_rng(1)
    for name in PROTOTYPES:
        lattice, coords, numbers = arrays(prototype(name))
        coords = coords + rng.random(3)
        cell = (lattice.tolist(), coords.tolist(), numbers.tolist())
        expected = spglib.get_symmetry_dataset(cell)
        assert expected is not None
        assert space_group_number(lattice, coords, numbers) == expected.number
