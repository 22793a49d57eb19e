from crystalgen.latent.path import ends_of, match_roles, template_of
from crystalgen.latent.slots import value


def test_elements_take_the_part_of_those_alike(crystals):
    salt, perovskite = crystals[0], crystals[3]
    assert match_roles(salt, perovskite) == {0: 0, 1: 2}  # Na as Sr, Cl as O
    assert match_roles(perovskite, salt) == {0: 0, 2: 1}
    assert match_roles(salt, crystals[2]) == {0: 0, 1: 1}


def test_substitutions_have_one_template(crystals):
    assert template_of(crystals[0]) == template_of(crystals[1])
    assert template_of(crystals[0]) != template_of(crystals[3])


def test_all_codes_of_one_template_that_differ_change(readings):
    start, end = readings[0], readings[1]
    ends = ends_of(start, end)
    differing = [
        slot
        for slot in start.slots
        if value(start.codes, slot) != value(end.codes, slot)
    ]
    assert ends.is_one_template
    assert [flip.start for flip in ends.flips] == differing
    assert ends.codes((), switched=False) == start.codes
    assert ends.codes(ends.flips, switched=False) == end.codes


def test_between_templates_codes_of_orbits_change_with_the_template(readings):
    start, end = readings[8], readings[3]
    ends = ends_of(start, end)
    assert not ends.is_one_template
    assert {flip.start.part for flip in ends.flips} <= {"species", "cell"}
    assert ends.codes((), switched=False) == start.codes
    assert ends.codes(ends.flips, switched=True) == end.codes
    assert len(ends.codes(ends.flips, switched=False).roles) == 2
    assert len(ends.codes((), switched=True).roles) == 3
