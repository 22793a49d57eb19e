import pytest

from crystalgen.model.tables import MAX_LETTERS, N_GROUPS, symmetry_tables
from crystalgen.symmetry.lattice import FREE_PARAMETERS
from crystalgen.symmetry.wyckoff import crystal_system, space_group


@pytest.fixture(scope="module")
def tables():
    return symmetry_tables()


@pytest.mark.parametrize("number", range(1, N_GROUPS + 1))
def test_every_position_has_the_facts_of_the_wyckoff_table(tables, number):
    group = space_group(number)
    first = int(tables.first_position[number])
    rows = slice(first, first + len(group.positions))
    assert int(tables.n_positions[number]) == len(group.positions)
    assert tables.multiplicity[rows].tolist() == [
        position.multiplicity for position in group.positions
    ]
    assert tables.coords_free[rows].tolist() == [
        list(position.free) for position in group.positions
    ]
    assert tables.letter[rows].tolist() == list(range(len(group.positions)))


def test_groups_share_no_position_and_leave_none_out(tables):
    assert int(tables.first_position[1]) == 1
    after = tables.first_position[1:] + tables.n_positions[1:]
    assert after[:-1].tolist() == tables.first_position[2:].tolist()
    assert int(after[-1]) == len(tables.letter) == 1 + 1731
    assert int(tables.n_positions.max()) == MAX_LETTERS


def test_row_zero_is_padding(tables):
    assert tables.multiplicity[0] == 0
    assert not tables.coords_free[0].any()
    assert int(tables.n_positions[0]) == 0


@pytest.mark.parametrize("number", range(1, N_GROUPS + 1))
def test_cell_and_origin_are_free_as_the_group_allows(tables, number):
    group = space_group(number)
    assert tables.polar[number].tolist() == list(group.polar_axes)
    assert int(tables.n_centring[number]) == group.n_centring
    free = FREE_PARAMETERS[crystal_system(number)]
    # the first feature, the volume, is always free; then b/a, c/a and the angles
    assert tables.cell_free[number].tolist() == [True, *free[1:]]
    is_hexagonal = crystal_system(number) in ("trigonal", "hexagonal")
    expected = [0.0] * 5 + [-0.5 if is_hexagonal else 0.0]
    assert tables.cell_fixed[number].tolist() == expected
