import pytest
from hypothesis import given, strategies as st

from crystalgen.errors import RequestError
from crystalgen.generation.candidate import Codes
from crystalgen.latent.slots import (
    Slot,
    changed,
    find_slot,
    n_values,
    slots_of,
    value,
)

CODES = Codes(crystal=(1, 2, 3), roles=((4, 5), (6, 7)), orbits=((0, 0, 0), (8, 9, 10)))
SLOTS = (
    *(Slot(part="species", token=t, code=c) for t in range(2) for c in range(2)),
    *(Slot(part="cell", token=0, code=c) for c in range(3)),
    *(Slot(part="orbit", token=1, code=c) for c in range(3)),
)


@given(slot=st.sampled_from(SLOTS), new=st.integers(0, 63))
def test_a_changed_code_has_its_new_value_and_the_others_their_old(slot, new):
    after = changed(CODES, slot, new)
    for each in SLOTS:
        assert value(after, each) == (new if each == slot else value(CODES, each))
    assert changed(after, slot, value(CODES, slot)) == CODES


@pytest.mark.parametrize("number", range(1, len(SLOTS) + 1))
def test_a_code_is_found_by_its_number_and_by_its_name(number):
    slot = SLOTS[number - 1]
    assert find_slot(SLOTS, str(number)) == find_slot(SLOTS, slot.name) == slot


@pytest.mark.parametrize("name", ["0", "11", "cell", "cell.4", "orbit1.1", ""])
def test_a_code_that_is_not_there_is_refused_with_those_that_are(name):
    with pytest.raises(RequestError, match=r"1 species1\.1, .* 10 orbit2\.3"):
        find_slot(SLOTS, name)


def test_a_crystal_has_codes_for_elements_cell_and_free_orbits(weights, crystals):
    rutile = crystals[8]  # titanium on a position without freedom
    names = [slot.name for slot in slots_of(weights, rutile)]
    assert names == [
        *("species1.1", "species1.2", "species2.1", "species2.2"),
        *("cell.1", "cell.2", "cell.3"),
        *("orbit2.1", "orbit2.2", "orbit2.3"),
    ]


def test_codes_have_as_many_values_as_their_codebooks_entries(weights, crystals):
    for slot in slots_of(weights, crystals[8]):
        books = weights.networks
        book = books.species_codes if slot.part == "species" else books.orbit_codes
        assert n_values(weights, slot) == book.n_entries
