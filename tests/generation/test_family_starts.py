from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st

from crystalgen.generation.family_starts import (
    RESTLESS,
    USUAL,
    families_of,
    family_odds,
    in_family,
    try_families,
)
from crystalgen.generation.relaxation import Relaxed
from crystalgen.model.collate import to_templates
from crystalgen.model.families import Families, FamilyArrays
from crystalgen.model.family_elements import FamilyElementArrays, FamilyElements
from crystalgen.model.relaxer import Relaxer
from crystalgen.representation.periodic_table import element_places
from crystalgen.symmetry.lattice import lattice_matrix

RUTILE = 8


@pytest.fixture(scope="module")
def rutile(autoencoder, crystals):
    """Networks that know two families of one prototype and move nothing; four of it."""
    networks = deepcopy(autoencoder.generative)
    networks.relaxer = Relaxer(8, 1).eval()
    vocabulary = networks.statistics.vocabulary
    [row] = [
        row
        for row, each in enumerate(vocabulary.prototypes)
        if (each.space_group, each.wyckoff) == (136, crystals[RUTILE].wyckoff)
    ]
    arrays = FamilyArrays(
        np.array([row, row], dtype=np.int32),
        np.array([[0, 0, 0], [0.2, 0, 0], [0, 0, 0], [0.4, 0, 0]], dtype=np.float32),
        np.array([[0, 0, 0.5, 0, 0, 0], [0, 0, -0.5, 0, 0, 0]], dtype=np.float32),
    )
    networks.statistics.families = Families(arrays, vocabulary)
    networks.statistics.family_elements = None
    return networks, to_templates((vocabulary.prototype(row),) * 4, vocabulary)


def before(unrest):
    coords = np.tile([[0.0, 0, 0], [0.31, 0, 0]], (4, 1, 1))
    parameters = np.tile([4.6, 4.6, 3.0, 90.0, 90.0, 90.0], (4, 1))
    return Relaxed(coords, parameters, np.array(unrest))


def alike(rows, coords, parameters):
    return np.zeros(len(rows))


def counted_on(networks, templates, elements):
    """The same networks, told of what elements the members of the families are."""
    known = deepcopy(networks)
    row = int(templates.centre[0]) - 1
    mean = np.concatenate([element_places()[list(each)] for each in elements])
    known.statistics.family_elements = FamilyElements(
        FamilyElementArrays(
            np.full(3, row, dtype=np.int32),
            np.array([5, 2, 2], dtype=np.int32),
            mean.astype(np.float32),
            np.full(mean.shape, 0.1, dtype=np.float32),
        ),
        known.statistics.vocabulary,
    )
    return known


@settings(max_examples=20)
@given(edge=st.floats(2.0, 12.0), height=st.floats(2.0, 12.0), number=st.integers(0, 1))
def test_a_family_changes_the_shape_and_keeps_the_volume(rutile, edge, height, number):
    networks, _ = rutile
    parameters = np.array([edge, edge, height, 90.0, 90.0, 90.0])
    coords, cell = in_family(networks, number, parameters, 136)
    volumes = [np.linalg.det(lattice_matrix(each)) for each in (parameters, cell)]
    assert volumes[0] == pytest.approx(volumes[1])
    assert np.log(cell[2] / cell[0]) == pytest.approx([0.5, -0.5][number])
    assert coords[1, 0] == pytest.approx([0.2, 0.4][number])


def test_only_restless_crystals_without_codes_are_tried(rutile):
    networks, templates = rutile
    assert families_of(networks, templates) == [range(2)] * 4
    earlier = before([RESTLESS, 0.2, np.inf, np.inf])
    species = torch.tensor([[22, 8]] * 4)
    is_open = np.array([True, True, False, True])
    with torch.no_grad():
        found = try_families(networks, templates, species, earlier, is_open, alike)
    for row in (0, 2):
        np.testing.assert_array_equal(found.coords[row], earlier.coords[row])
        np.testing.assert_array_equal(found.parameters[row], earlier.parameters[row])
        assert found.unrest[row] == earlier.unrest[row]
    # a relaxer that moves nothing leaves every family at rest; of the two, which are as
    # likely, the first one is taken
    for row in (1, 3):
        assert found.unrest[row] == 0
        assert found.coords[row, 1, 0] == pytest.approx(0.2)


def test_what_has_no_families_stays_as_it_is(rutile):
    networks, templates = rutile
    none = replace(templates, centre=torch.zeros(4, dtype=torch.long))
    assert families_of(networks, none) == [range(0)] * 4
    earlier = before([0.5] * 4)
    found = try_families(
        networks,
        none,
        torch.tensor([[22, 8]] * 4),
        earlier,
        np.ones(4, dtype=bool),
        alike,
    )
    assert found is earlier


def test_elements_of_a_further_family_start_from_it_though_at_rest(rutile):
    networks, templates = rutile
    templates = replace(templates, prototype=templates.centre)
    known = counted_on(networks, templates, [(22, 8), (22, 8), (55, 17)])
    species = torch.tensor([[22, 8], [55, 17], [55, 17], [22, 8]])
    earlier = before([0.0, 0.0, 0.0, 0.2])
    is_open = np.array([True, True, False, True])
    with torch.no_grad():
        found = try_families(known, templates, species, earlier, is_open, alike)
    np.testing.assert_allclose(found.coords[:, 1, 0], [0.31, 0.4, 0.31, 0.2], atol=1e-6)


def test_what_the_decoder_does_not_expect_is_not_taken(rutile):
    networks, templates = rutile

    def against(rows, coords, parameters):
        return np.where(abs(coords[:, 1, 0] - 0.31) < 1e-9, 0.0, -1000.0)

    species = torch.tensor([[22, 8]] * 4)
    earlier = before([0.2] * 4)
    with torch.no_grad():
        found = try_families(
            networks, templates, species, earlier, np.ones(4, dtype=bool), against
        )
    np.testing.assert_array_equal(found.coords, earlier.coords)


def test_odds_add_up_and_follow_the_elements(rutile):
    networks, templates = rutile
    templates = replace(templates, prototype=templates.centre)
    species = torch.tensor([[22, 8], [55, 17], [22, 8], [22, 8]])
    unknown = family_odds(networks, templates, species)
    assert np.exp(unknown[0]).tolist() == pytest.approx(
        [USUAL, (1 - USUAL) / 2, (1 - USUAL) / 2]
    )
    known = counted_on(networks, templates, [(22, 8), (22, 8), (55, 17)])
    told = family_odds(known, templates, species)
    assert [np.exp(each).sum() for each in told] == pytest.approx([1.0] * 4)
    assert [int(each.argmax()) for each in told] == [0, 2, 0, 0]
    of_relatives = replace(templates, prototype=torch.zeros(4, dtype=torch.long))
    for one, other in zip(
        unknown, family_odds(known, of_relatives, species), strict=True
    ):
        np.testing.assert_array_equal(one, other)
