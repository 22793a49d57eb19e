from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st

from crystalgen.graphs.quotient import quotient_graph
from crystalgen.graphs.table import GraphTable
from crystalgen.model.autoencoder import CrystalAutoencoder, Relaxations
from crystalgen.model.cell import lattice_features
from crystalgen.model.centres import BINS, Centres, fit_centres
from crystalgen.model.collate import collate, label_examples
from crystalgen.model.noise import no_noise
from crystalgen.model.statistics import count_statistics
from crystalgen.representation.conversion import expand
from crystalgen.representation.crystal import SymmetricCrystal
from crystalgen.representation.prototype import count_prototypes
from crystalgen.representation.table import CrystalTable

RUTILE = 8
"""Place of rutile among the textbook crystals."""


def rutiles(crystals, coordinates, heights=None):
    """Rutile with other free coordinates and heights of the cell."""
    heights = heights or [2.959] * len(coordinates)
    varied = [
        SymmetricCrystal(
            space_group=136,
            wyckoff=crystals[RUTILE].wyckoff,
            species=crystals[RUTILE].species,
            free_coords=np.array([[0.0, 0.0, 0.0], [x % 1.0, 0.0, 0.0]]),
            lattice_parameters=np.array([4.594, 4.594, height, 90.0, 90.0, 90.0]),
        )
        for x, height in zip(coordinates, heights, strict=True)
    ]
    return CrystalTable.from_crystals(varied, identifiers=[""] * len(varied))


def to_batch(table, vocabulary, *, is_training=False):
    graphs = GraphTable.from_graphs(
        [
            quotient_graph(
                atoms.lattice,
                atoms.frac_coords,
                atoms.orbit_of_atom,
                atoms.representative,
            )
            for atoms in map(expand, map(table.crystal, range(len(table))))
        ]
    )
    examples = label_examples(table, graphs, vocabulary, is_training=is_training)
    return collate(examples, np.arange(len(table))).templates


def centre_of(table):
    vocabulary = count_prototypes(table)
    return fit_centres(table, vocabulary)


def test_members_that_agree_are_their_own_centre(crystals):
    table = rutiles(crystals, [0.305] * 3)
    arrays = centre_of(table)
    cell = lattice_features(torch.from_numpy(table.lattice_parameters), torch.ones(3))
    np.testing.assert_allclose(arrays.coords, [[0, 0, 0], [0.305, 0, 0]], atol=1e-6)
    np.testing.assert_allclose(arrays.sharpness, 1.0, atol=1e-6)
    np.testing.assert_allclose(arrays.cell[0, 1:], cell[0, 1:], atol=1e-6)
    np.testing.assert_allclose(arrays.cell_spread, 0.0, atol=1e-6)


@settings(max_examples=20)
@given(middle=st.floats(0, 1), spread=st.floats(0, 0.02))
def test_the_mean_of_a_family_is_taken_around_the_circle(crystals, middle, spread):
    table = rutiles(crystals, [middle - spread, middle, middle + spread])
    arrays = centre_of(table)
    offset = arrays.coords[1, 0] - middle
    assert abs(offset - round(offset)) < 1e-3
    assert 0 <= arrays.coords.min() <= arrays.coords.max() < 1
    assert arrays.sharpness[1, 0] > 0.99


def test_a_smaller_family_does_not_pull_the_centre(crystals):
    arrays = centre_of(rutiles(crystals, [0.30, 0.31, 0.305, 0.80]))
    assert abs(arrays.coords[1, 0] - 0.305) < 0.002


def test_the_order_of_the_members_does_not_matter(crystals):
    coordinates = [0.30, 0.31, 0.33, 0.80]
    one = centre_of(rutiles(crystals, coordinates))
    two = centre_of(rutiles(crystals, coordinates[::-1]))
    for a, b in zip(one, two, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_the_volume_is_no_part_of_a_centre(crystals):
    arrays = centre_of(rutiles(crystals, [0.3, 0.3], heights=[2.9, 3.1]))
    assert not arrays.cell[:, 0].any()
    assert not arrays.cell_spread[:, 0].any()
    assert arrays.cell_spread[0, 2] > 0.01


def test_a_batch_gets_the_centres_of_its_prototypes(autoencoder, examples):
    statistics = autoencoder.generative.statistics
    templates = collate(examples, np.arange(14)).templates
    centre = statistics.centres(templates)
    assert centre.is_known.tolist() == (templates.centre > 0).tolist()
    assert (centre.is_known | (templates.prototype == 0)).all()
    assert not centre.coords[~templates.present].any()
    for part in centre[:-1]:
        assert not part[~centre.is_known].any()
    known = torch.zeros(1, 6)  # rock salt and perovskite are cubic
    torch.testing.assert_close(centre.cell[:3], known.expand(3, -1))
    torch.testing.assert_close(
        centre.sharpness[:3, :2], torch.ones(3, 2, 3), atol=1e-5, rtol=0
    )


def test_a_hidden_prototype_has_no_centre(autoencoder, examples):
    templates = collate(examples, np.arange(3)).templates
    none = torch.zeros(3, dtype=torch.long)
    centres = autoencoder.generative.statistics.centres
    assert not any(
        part.any() for part in centres(replace(templates, prototype=none, centre=none))
    )


@given(x=st.floats(0, 1, exclude_max=True), height=st.floats(2.0, 9.0))
def test_what_was_seen_once_is_kept_by_its_bins_alone(crystals, x, height):
    table = rutiles(crystals, [x], [height])
    arrays = centre_of(table)
    cell = lattice_features(torch.from_numpy(table.lattice_parameters), torch.ones(1))
    offset = arrays.coords[1, 0] - x
    assert abs(offset - round(offset)) <= 0.5 / BINS + 1e-6
    assert arrays.coords[1, 0] * BINS % 1 == pytest.approx(0.5)
    assert not arrays.coords[0].any()  # not free
    assert not arrays.coords[1, 1:].any()
    np.testing.assert_allclose(arrays.cell[0, 1:], cell[0, 1:], atol=0.5 / BINS + 1e-6)
    assert (arrays.cell * BINS == np.rint(arrays.cell * BINS)).all()
    # the mean direction of even coordinates in a bin, by quadrature
    even = np.exp(2j * np.pi * (np.arange(1000) + 0.5) / 1000 / BINS).mean()
    assert arrays.sharpness[1, 0] == pytest.approx(abs(even), abs=1e-6)


def test_a_prototype_seen_once_is_learnt_from_the_centre_of_its_relative(crystals):
    """Rutile with a further orbit, which holds its anion or another one."""
    rutile = crystals[RUTILE]
    two = SymmetricCrystal(
        space_group=136,
        wyckoff=(*rutile.wyckoff, rutile.wyckoff[1]),
        species=(22, 8, 8),
        free_coords=np.array([[0.0, 0, 0], [0.3, 0, 0], [0.1, 0, 0]]),
        lattice_parameters=rutile.lattice_parameters,
    )
    three = replace(two, species=(22, 8, 9))
    table = CrystalTable.from_crystals([three, two, two], identifiers=["", "", ""])
    vocabulary = count_prototypes(table)
    assert vocabulary.n_embedded == 1
    centres = Centres(fit_centres(table, vocabulary), vocabulary)
    assert to_batch(table, vocabulary).centre.tolist() == [2, 1, 1]
    templates = to_batch(table, vocabulary, is_training=True)
    assert templates.prototype.tolist() == [0, 1, 1]
    assert templates.centre.tolist() == [1, 1, 1]
    found = centres(templates)
    assert found.is_known.all()
    torch.testing.assert_close(found.coords[0], found.coords[1])
    # without its own prototype it has no relative: never itself
    assert centres.without_prototypes(templates).tolist() == [1, 0, 0]


def test_hiding_a_prototype_leaves_its_relative(autoencoder, tables):
    statistics = autoencoder.generative.statistics
    vocabulary = statistics.vocabulary
    crystals, graphs = tables
    examples = label_examples(crystals, graphs, vocabulary, is_training=True)
    templates = collate(examples, np.arange(14)).templates
    relatives = vocabulary.relatives
    hidden = statistics.centres.without_prototypes(templates)
    for prototype, before, after in zip(
        templates.prototype.tolist(),
        templates.centre.tolist(),
        hidden.tolist(),
        strict=True,
    ):
        assert after == (relatives[prototype - 1] + 1 if prototype else before)
        assert after != prototype or not prototype


@pytest.mark.parametrize("rows", [[0, 5, 7], [5], [12, 13]])
def test_data_in_which_no_prototype_repeats_can_be_learnt(tables, tiny_config, rows):
    crystals, graphs = tables
    table = CrystalTable.from_crystals(
        [crystals.crystal(row) for row in rows], identifiers=[""] * len(rows)
    )
    some = type(graphs).from_graphs([graphs.graph(row) for row in rows])
    statistics = count_statistics(table, some)
    assert statistics.n_embedded == 0
    model = CrystalAutoencoder(tiny_config, statistics).eval()
    examples = label_examples(table, some, statistics.vocabulary)
    batch = collate(examples, np.arange(len(rows)))
    outcome = model(
        batch,
        no_noise(tiny_config, batch),
        Relaxations(code_temperature=1.0, species_temperature=1.0),
    )
    assert outcome.geometry.cell_location.isfinite().all()
    assert outcome.geometry.coords_location.isfinite().all()


def test_centres_travel_in_the_state_of_a_model(autoencoder):
    centres = autoencoder.generative.statistics.centres
    assert isinstance(centres, Centres)
    names = {"coords", "sharpness", "cell", "cell_spread"}
    assert set(centres.state_dict()) == names
