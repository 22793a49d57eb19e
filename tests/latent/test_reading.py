from crystalgen.generation.encoding import encode
from crystalgen.latent import read_codes
from crystalgen.latent.reading import BATCH, elements_of


def test_readings_hold_the_codes_of_the_encoder(weights, crystals, readings):
    assert [each.codes for each in readings] == encode(weights, crystals)
    assert [each.crystal for each in readings] == list(crystals)


def test_likelihoods_do_not_depend_on_the_company(weights, crystals, readings):
    for place in (0, 8, 12):
        (alone,) = read_codes(weights, [crystals[place]])
        assert abs(alone.log_likelihood - readings[place].log_likelihood) < 1e-3
        assert alone.log_likelihood < 0


def test_more_crystals_than_a_batch_are_read_in_order(weights, crystals):
    many = [crystals[0]] * BATCH + [crystals[8]]
    *_, last = read_codes(weights, many)
    assert last.crystal.formula == "TiO2"


def test_codes_say_what_they_are_about(readings):
    rutile = readings[8]
    about = {slot.name: rutile.about(slot) for slot in rutile.slots}
    assert about["species1.1"] == "Ti"
    assert about["species2.2"] == "O"
    assert about["cell.3"] == "cell"
    assert about["orbit2.1"] == "O f"
    assert list(rutile.by_name) == [slot.name for slot in rutile.slots]


def test_elements_are_in_order_of_first_appearance(crystals):
    assert elements_of(crystals[3]) == (38, 22, 8)
    assert elements_of(crystals[12]) == (40, 8)
