import math

import pytest

from crystalgen.errors import RequestError
from crystalgen.latent import facts_of, latent_map
from crystalgen.latent.labels import LABELS


@pytest.fixture(scope="module")
def many(readings):
    """Each textbook crystal six times; two thirds with a gap."""
    repeated = [each for each in readings for _ in range(6)]
    gaps = [1.5 * (i % 3) if i % 3 else math.nan for i in range(len(repeated))]
    facts = [
        facts_of(each.crystal, band_gap=gap)
        for each, gap in zip(repeated, gaps, strict=True)
    ]
    return repeated, facts


def test_a_map_has_a_field_for_each_codebook_and_label(many):
    found = latent_map(*many)
    assert found.codebooks == (
        *("species.1", "species.2", "cell.1", "cell.2", "cell.3"),
        *("orbit.1", "orbit.2", "orbit.3"),
    )
    assert [entry.label for entry in found.entries[:5]] == list(LABELS)
    assert len(found.entries) == 8 * len(LABELS)
    assert found.n_crystals == len(many[0])


def test_each_codebook_is_looked_at_for_all_it_is_about(many):
    repeated, facts = many
    found = latent_map(repeated, facts)
    n = {
        (entry.codebook, entry.label): entry.information and entry.information.n
        for entry in found.entries
    }
    n_elements = sum(len(set(each.crystal.species)) for each in repeated)
    assert n["species.1", "element"] == n_elements
    assert n["cell.1", "element"] == len(repeated)
    assert n["cell.1", "band gap"] == len(repeated) * 2 // 3


def test_codes_of_species_say_more_of_the_element_than_of_the_group(many):
    found = latent_map(*many)
    bits = {
        entry.label: entry.information.bits
        for entry in found.entries
        if entry.codebook == "species.1" and entry.information is not None
    }
    assert bits["element"] > bits["space group"] > bits["band gap"]


def test_a_label_that_no_crystal_has_is_left_open(readings):
    repeated = [each for each in readings for _ in range(3)]
    found = latent_map(repeated, [facts_of(each.crystal) for each in repeated])
    for entry in found.entries:
        assert (entry.information is None) == (entry.label == "band gap")


def test_a_few_crystals_are_refused(readings):
    facts = [facts_of(each.crystal) for each in readings]
    with pytest.raises(RequestError, match="got 14 crystals; expected at least 30"):
        latent_map(readings, facts)
