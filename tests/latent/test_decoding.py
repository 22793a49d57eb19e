from dataclasses import replace

import numpy as np
import pytest

from crystalgen.generation.checks import fault_of
from crystalgen.generation.encoding import decode
from crystalgen.latent.decoding import Decoded, decode_likely, is_balanced, judge
from crystalgen.representation.elements import ATOMIC_NUMBERS


def test_codes_of_crystals_decode_as_in_a_reconstruction(weights, crystals, readings):
    codes = [reading.codes for reading in readings]
    likely = decode_likely(weights, crystals, codes)
    for ours, theirs in zip(likely, decode(weights, crystals, codes), strict=True):
        assert ours.crystal is not None
        assert ours.crystal.species == theirs.species
        np.testing.assert_allclose(
            ours.crystal.lattice_parameters, theirs.lattice_parameters, rtol=1e-5
        )


def test_elements_of_a_decoded_crystal_differ_from_role_to_role(
    weights, crystals, readings
):
    perovskite, own = crystals[3], readings[3].codes
    same = replace(own, roles=(own.roles[2],) * 3)
    (found,) = decode_likely(weights, [perovskite], [same])
    assert found.crystal is not None
    assert len(set(found.crystal.species)) == 3


def test_likelihoods_are_those_of_the_readings(weights, crystals, readings):
    likely = decode_likely(weights, crystals, [each.codes for each in readings])
    for decoded, reading in zip(likely, readings, strict=True):
        if decoded.crystal and decoded.crystal.species == reading.crystal.species:
            expected = pytest.approx(reading.log_likelihood, abs=1e-3)
            assert decoded.log_likelihood == expected


def test_what_fails_no_check_is_left_as_it_is(weights, crystals, readings):
    salt = Decoded(codes=readings[0].codes, crystal=crystals[0], log_likelihood=0.0)
    verdict = judge(weights, salt, needs_balance=True)
    assert (verdict.fault, verdict.is_mended) == ("", False)
    assert verdict.crystal is crystals[0]


def test_atoms_a_little_too_close_are_moved_apart_and_that_is_said(
    weights, crystals, readings
):
    edge = 2 * 0.99 * weights.distance_limits[11, 17]
    small = np.array([edge, edge, edge, 90.0, 90.0, 90.0])
    tight = replace(crystals[0], lattice_parameters=small)
    assert fault_of(tight, weights) == "distance"
    decoded = Decoded(codes=readings[0].codes, crystal=tight, log_likelihood=0.0)
    verdict = judge(weights, decoded, needs_balance=True)
    assert verdict.crystal is not None
    assert verdict.is_mended
    assert not verdict.fault
    assert not fault_of(verdict.crystal, weights)


def test_atoms_far_too_close_are_a_fault(weights, crystals, readings):
    tiny = np.array([2.0, 2.0, 2.0, 90.0, 90.0, 90.0])
    crushed = replace(crystals[0], lattice_parameters=tiny)
    decoded = Decoded(codes=readings[0].codes, crystal=crushed, log_likelihood=0.0)
    verdict = judge(weights, decoded, needs_balance=False)
    assert (verdict.fault, verdict.is_mended) == ("distance", False)


def test_charges_are_a_fault_only_where_they_must_cancel(weights, crystals, readings):
    charged = replace(crystals[0], species=(ATOMIC_NUMBERS["Mg"], 17))
    assert not is_balanced(charged)
    decoded = Decoded(codes=readings[0].codes, crystal=charged, log_likelihood=0.0)
    assert judge(weights, decoded, needs_balance=True).fault == "charge"
    assert judge(weights, decoded, needs_balance=False).fault != "charge"


def test_codes_that_spell_no_crystal_are_a_fault(weights, readings):
    nothing = Decoded(codes=readings[0].codes, crystal=None, log_likelihood=0.0)
    assert judge(weights, nothing, needs_balance=False).fault == "no crystal"
