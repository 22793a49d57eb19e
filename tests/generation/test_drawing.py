from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch

from crystalgen.generation.checks import fault_of, is_known
from crystalgen.generation.decoding import NO_CODE
from crystalgen.generation.drawing import ROUNDS, draw_block
from crystalgen.generation.request import Request
from crystalgen.generation.species_rounds import CLASS_ROUNDS
from crystalgen.generation.templates import TemplateSource
from crystalgen.model.relaxer import Relaxer
from crystalgen.representation.crystal import SymmetricCrystal
from crystalgen.representation.framework import protostructure
from crystalgen.representation.neutrality import are_metals, is_neutral
from crystalgen.representation.prototype import Prototype, roles_of


def made(outcome):
    """The candidate of an outcome, which every draw of these templates has."""
    assert outcome.candidate is not None
    return outcome.candidate


def draw(weights, templates, *, rounds, allow_known=True):
    return draw_block(
        weights,
        templates,
        seed=3,
        temperature=1.0,
        rounds=rounds,
        allow_known=allow_known,
    )


@pytest.fixture(scope="module")
def templates(weights):
    source = TemplateSource(weights=weights, request=Request())
    return source.draw(3, np.arange(64))


@pytest.fixture(scope="module")
def outcomes(weights, templates):
    return draw(weights, templates, rounds=ROUNDS)


def test_every_draw_has_one_outcome_and_keeps_its_template(templates, outcomes):
    assert len(outcomes) == len(templates.draws)
    for number, prototype, outcome in zip(
        templates.draws, templates.prototypes, outcomes, strict=True
    ):
        crystal = made(outcome).crystal
        assert made(outcome).index == number
        assert prototype == Prototype(
            space_group=crystal.space_group,
            wyckoff=crystal.wyckoff,
            roles=roles_of(crystal.species),
        )


def test_some_draws_are_valid_and_their_crystals_pass_all_checks(weights, outcomes):
    valid = [made(outcome) for outcome in outcomes if not outcome.fault]
    assert valid
    assert not any(fault_of(candidate.crystal, weights) for candidate in valid)


def test_a_fault_is_the_one_that_the_crystal_has(weights, outcomes):
    for outcome in outcomes:
        fault = fault_of(made(outcome).crystal, weights)
        assert outcome.fault == (fault if made(outcome).is_neutral else "charge")


def test_training_crystals_are_known(weights, crystals):
    for crystal in crystals:
        prototype = Prototype(
            space_group=crystal.space_group,
            wyckoff=crystal.wyckoff,
            roles=roles_of(crystal.species),
        )
        roles = tuple(dict.fromkeys(crystal.species))
        assert is_known(prototype, roles, weights)


def test_known_crystals_are_no_valid_ones_unless_allowed(weights):
    # untrained networks seldom draw one
    source = TemplateSource(weights=weights, request=Request())
    templates = source.draw(3, np.arange(64, 256))

    def n_known(drawn):
        labels = [
            protostructure(made(each).crystal) for each in drawn if not each.fault
        ]
        return sum(label in weights.known for label in labels)

    assert n_known(draw(weights, templates, rounds=ROUNDS)) > 0
    new = draw(weights, templates, rounds=ROUNDS, allow_known=False)
    assert n_known(new) == 0
    assert sum(each.redrawn["known"] for each in new) > 0


def test_neutrality_is_reported_as_it_is(outcomes):
    for outcome in outcomes:
        composition = made(outcome).crystal.composition
        neutral = is_neutral(tuple(composition), tuple(composition.values()))
        assert made(outcome).is_neutral == neutral
        assert neutral or outcome.fault == "charge"


def test_codes_belong_to_the_crystal(outcomes, weights):
    n_species_codes, n_species_entries = weights.config.species_codes
    n_codes, n_entries = weights.config.geometry_codes
    for outcome in outcomes:
        codes, crystal = made(outcome).codes, made(outcome).crystal
        assert len(codes.roles) == len(set(crystal.species))
        assert len(codes.orbits) == crystal.n_orbits
        assert len(codes.crystal) == n_codes
        assert all(len(role) == n_species_codes for role in codes.roles)
        assert all(
            0 <= code < n_species_entries for role in codes.roles for code in role
        )
        is_open = codes.crystal[0] == NO_CODE
        assert all(code == NO_CODE for code in codes.crystal) == is_open
        assert is_open or all(0 <= code < n_entries for code in codes.crystal)
        assert is_open == all(code == NO_CODE for each in codes.orbits for code in each)
        assert np.isfinite(made(outcome).log_prob)
        assert made(outcome).log_prob < 0


def test_metals_stay_metals_and_others_stay_others(weights, templates):
    raw = draw(weights, templates, rounds=1)
    more = draw(weights, templates, rounds=CLASS_ROUNDS)
    kept = 0
    for first, last in zip(raw, more, strict=True):
        if not last.fault:
            kinds = {are_metals(made(each).crystal.species) for each in (first, last)}
            assert len(kinds) == 1
            kept += made(first).crystal.species != made(last).crystal.species
    assert kept > 0


def test_one_round_takes_the_model_as_it_is(weights, templates):
    raw = draw(weights, templates, rounds=1)
    assert all(made(outcome) for outcome in raw)
    assert not any(outcome.redrawn for outcome in raw)
    assert any(not made(outcome).is_neutral for outcome in raw)


def test_more_rounds_never_lose_a_valid_neutral_crystal(weights, templates, outcomes):
    raw = draw(weights, templates, rounds=1)
    for one, more in zip(raw, outcomes, strict=True):
        if not one.fault and made(one).is_neutral:
            assert made(more).codes == made(one).codes
            assert not more.fault


def test_the_same_seed_draws_the_same_crystals(weights, templates, outcomes):
    again = draw(weights, templates, rounds=ROUNDS)
    for one, two in zip(outcomes, again, strict=True):
        a, b = made(one).crystal, made(two).crystal
        assert a.species == b.species
        assert a.free_coords.tobytes() == b.free_coords.tobytes()
        assert a.lattice_parameters.tobytes() == b.lattice_parameters.tobytes()


def changed(crystal, **fields):
    values = {
        name: fields.get(name, getattr(crystal, name))
        for name in (
            "space_group",
            "wyckoff",
            "species",
            "free_coords",
            "lattice_parameters",
        )
    }
    return SymmetricCrystal(**values)


def test_textbook_crystals_have_no_fault(crystals, weights):
    assert [fault_of(crystal, weights) for crystal in crystals[:-1]] == [""] * 13


@pytest.mark.parametrize("scale", [0.4, 0.6])
def test_squeezed_crystals_are_too_close(crystals, weights, scale):
    for crystal in crystals:
        lengths, angles = np.split(crystal.lattice_parameters, 2)
        cell = np.concatenate([scale * lengths, angles])
        squeezed = changed(crystal, lattice_parameters=cell)
        assert fault_of(squeezed, weights) in ("distance", "cell")


def test_atoms_of_a_higher_symmetry_have_the_wrong_group(weights):
    caesium_chloride = SymmetricCrystal(
        space_group=1,
        wyckoff=(0, 0),
        species=(55, 17),
        free_coords=np.array([[0.0, 0.0, 0.0], [0.5, 0.5, 0.5]]),
        lattice_parameters=np.array([4.12, 4.12, 4.12, 90.0, 90.0, 90.0]),
    )
    assert fault_of(caesium_chloride, weights) == "group"


def test_a_cell_that_no_crystal_has_is_told(crystals, weights):
    huge = changed(crystals[0], lattice_parameters=np.array([1e5] * 3 + [90.0] * 3))
    assert fault_of(huge, weights) == "cell"


def test_outcomes_do_not_depend_on_other_draws_of_the_block(
    weights, templates, outcomes
):
    some = np.array([5, 17, 40])
    fewer = replace(
        templates,
        draws=templates.draws[some],
        prototypes=tuple(templates.prototypes[i] for i in some),
        templates=templates.rows(some),
        log_prob=templates.log_prob[some],
        is_new=templates.is_new[some],
    )
    alone = draw(weights, fewer, rounds=ROUNDS)
    for place, index in enumerate(some):
        one, two = made(alone[place]), made(outcomes[index])
        assert one.codes == two.codes
        assert one.crystal.species == two.crystal.species
        np.testing.assert_allclose(
            one.crystal.lattice_parameters, two.crystal.lattice_parameters, rtol=1e-4
        )


def with_relaxer(weights, *, bias):
    """Weights whose relaxer stretches every cell by the same, whatever the crystal."""
    networks = deepcopy(weights.networks)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        relaxer = Relaxer(8, 1)
    with torch.no_grad():
        _, biases = relaxer.strength[-1].parameters()
        biases[1] = bias
    networks.relaxer = relaxer.eval()
    return replace(weights, networks=networks)


def test_without_a_relaxer_nobody_asks_for_rest(weights, templates):
    networks = deepcopy(weights.networks)
    networks.relaxer = None
    plain = replace(weights, networks=networks)
    outcomes = draw(plain, templates, rounds=ROUNDS)
    assert not any(outcome.redrawn["unrest"] for outcome in outcomes)


def test_crystals_that_find_no_rest_are_tried_again_and_taken_in_the_end(
    weights, templates
):
    # a strain of 0.1 bias / sqrt(3) in each step: 0.11 Å, more than MAX_UNREST
    restless = with_relaxer(weights, bias=1.3)
    outcomes = draw(restless, templates, rounds=ROUNDS)
    assert sum(outcome.redrawn["unrest"] for outcome in outcomes) > len(outcomes) / 4
    assert not any(outcome.fault == "unrest" for outcome in outcomes)
    for outcome in outcomes:
        if not outcome.fault:
            crystal = made(outcome).crystal
            assert not fault_of(crystal, weights)


def test_the_first_draw_is_taken_however_restless(weights, templates):
    outcomes = draw(with_relaxer(weights, bias=1.3), templates, rounds=1)
    assert not any(outcome.fault == "unrest" for outcome in outcomes)
    assert not any(outcome.redrawn for outcome in outcomes)


def test_varied_geometries_come_from_codes_and_from_anywhere(weights, templates):
    outcomes = draw_block(
        with_relaxer(weights, bias=0.0),
        templates,
        seed=3,
        temperature=1.0,
        rounds=1,
        allow_known=True,
        vary_geometry=True,
    )
    is_coded = [NO_CODE not in made(each).codes.crystal for each in outcomes]
    expected = [int(draw) % 2 == 0 for draw in templates.draws]
    assert is_coded == expected
    likely = draw(with_relaxer(weights, bias=0.0), templates, rounds=1)
    moved = [
        not np.allclose(made(a).crystal.free_coords, made(b).crystal.free_coords)
        for a, b in zip(outcomes, likely, strict=True)
        if NO_CODE in made(a).codes.crystal
    ]
    assert sum(moved) > 3
