from dataclasses import replace

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from crystalgen.errors import RepresentationError
from crystalgen.generation.encoding import decode, encode, templates_of
from crystalgen.representation.conversion import to_structure
from crystalgen.representation.crystal import SymmetricCrystal


@pytest.fixture(scope="module")
def codes(weights, crystals):
    return encode(weights, crystals)


def test_every_crystal_has_codes_of_the_shape_of_the_networks(codes, crystals, weights):
    n_species, species_entries = weights.config.species_codes
    n_geometry, geometry_entries = weights.config.geometry_codes
    for each, crystal in zip(codes, crystals, strict=True):
        assert [len(role) for role in each.roles] == [n_species] * len(
            set(crystal.species)
        )
        assert [len(orbit) for orbit in each.orbits] == [n_geometry] * crystal.n_orbits
        assert len(each.crystal) == n_geometry
        assert all(0 <= code < species_entries for role in each.roles for code in role)
        assert all(0 <= c < geometry_entries for c in each.crystal)


def test_a_crystal_alone_has_the_codes_it_has_among_others(codes, crystals, weights):
    for place in (0, 5, 12):
        (alone,) = encode(weights, [crystals[place]])
        assert alone == codes[place]


def test_a_decoded_crystal_has_the_template_and_any_species(codes, crystals, weights):
    for decoded, crystal in zip(
        decode(weights, crystals, codes), crystals, strict=True
    ):
        assert decoded.space_group == crystal.space_group
        assert decoded.wyckoff == crystal.wyckoff
        unused = crystal.free_coords == 0
        rigid = decoded.free_coords[
            unused & (crystal.free_coords.sum(axis=1) == 0)[:, None]
        ]
        assert not rigid.any() or crystal.space_group in (14, 1, 62, 186)


def test_nothing_but_the_template_is_read_in_decoding(codes, crystals, weights):
    rutile = crystals[8]
    other = SymmetricCrystal(
        space_group=136,
        wyckoff=rutile.wyckoff,
        species=(50, 9),
        free_coords=np.array([[0.0, 0.0, 0.0], [0.2, 0.0, 0.0]]),
        lattice_parameters=np.array([4.0, 4.0, 4.0, 90.0, 90.0, 90.0]),
    )
    one, two = decode(weights, [rutile, other], [codes[8], codes[8]])
    assert one.species == two.species
    assert one.free_coords.tobytes() == two.free_coords.tobytes()
    assert one.lattice_parameters.tobytes() == two.lattice_parameters.tobytes()


def test_other_codes_decode_to_another_crystal(codes, crystals, weights):
    shifted = tuple((code + 1) % 6 for code in codes[8].crystal)
    other = replace(codes[8], crystal=shifted)
    one, two = decode(weights, [crystals[8]] * 2, [codes[8], other])
    assert one.lattice_parameters.tobytes() != two.lattice_parameters.tobytes()


def test_a_crystal_is_decoded_alone_as_among_others(codes, crystals, weights):
    together = decode(weights, crystals, codes)
    for among, crystal, each in zip(together, crystals, codes, strict=True):
        (alone,) = decode(weights, [crystal], [each])
        assert alone.species == among.species
        np.testing.assert_allclose(alone.free_coords, among.free_coords, atol=1e-5)
        np.testing.assert_allclose(
            alone.lattice_parameters, among.lattice_parameters, rtol=1e-5
        )


def test_a_crystal_with_too_many_orbits_is_refused_by_name(weights):
    n = weights.config.max_orbits + 1
    crowd = SymmetricCrystal(
        space_group=1,
        wyckoff=(0,) * n,
        species=(6,) * n,
        free_coords=np.random.default_rng(0).uniform(0, 1, (n, 3)),
        lattice_parameters=np.array([9.0, 9.0, 9.0, 80.0, 80.0, 80.0]),
    )
    with pytest.raises(RepresentationError, match=r"C: got 21 orbits .* at most 20"):
        encode(weights, [crowd])


def test_structures_are_encoded_lazily_and_in_order(generator, crystals, codes):
    structures = (to_structure(crystal) for crystal in crystals)
    encoded = list(generator.encode(structures))
    assert encoded[0] == codes[0]
    assert [len(each.orbits) for each in encoded] == [c.n_orbits for c in crystals]


def test_the_cell_in_which_a_crystal_is_given_does_not_matter(generator, crystals):
    structure = to_structure(crystals[8])
    supercell = structure.make_supercell([2, 1, 1], in_place=False)
    one, two = generator.encode([structure, supercell])
    assert one == two


def test_reconstructions_are_structures_with_the_same_number_of_atoms(
    generator, crystals
):
    structures = [to_structure(crystal) for crystal in crystals]
    again = list(generator.reconstruct(structures))
    assert [len(each) for each in again] == [len(each) for each in structures]
    assert all(isinstance(each, Structure) for each in again)


def test_a_disordered_structure_is_refused(generator):
    alloy = Structure(Lattice.cubic(3), [{"Cu": 0.5, "Au": 0.5}], [[0, 0, 0]])
    with pytest.raises(RepresentationError, match="disordered"):
        list(generator.encode([alloy]))


def test_no_structures_have_no_codes(generator):
    assert list(generator.encode([])) == []
    assert list(generator.reconstruct([])) == []


def test_templates_are_those_of_the_crystals_and_know_their_prototypes(
    weights, crystals
):
    prototypes, templates = templates_of(weights, crystals)
    assert [each.wyckoff for each in prototypes] == [each.wyckoff for each in crystals]
    sizes = templates.present.sum(dim=1).tolist()
    assert sizes == [each.n_orbits for each in crystals]
    for prototype, number in zip(prototypes, templates.prototype.tolist(), strict=True):
        assert number in (0, weights.vocabulary.index.get(prototype, -1) + 1)
