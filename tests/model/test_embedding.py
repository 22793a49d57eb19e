import pytest
import torch
from hypothesis import given, settings, strategies as st

from crystalgen.model.batch import Templates
from crystalgen.model.embedding import CoordinateFeatures, TemplateEmbedding


@pytest.fixture(scope="module")
def templates():
    return Templates(
        space_group=torch.tensor([225, 186]),
        position=torch.tensor([[1000, 1001, 0], [900, 900, 0]]),
        role=torch.tensor([[0, 1, 0], [0, 1, 0]]),
        prototype=torch.tensor([2, 0]),
        centre=torch.tensor([2, 0]),
    )


@pytest.fixture(scope="module")
def embedding(tiny_config):
    torch.manual_seed(0)
    return TemplateEmbedding(tiny_config, 16, 3)


def test_padding_gets_a_finite_vector(embedding, templates):
    assert embedding(templates).isfinite().all()


def test_an_unknown_prototype_adds_nothing_to_the_group(embedding, templates):
    crystal = embedding.crystal(templates)
    group = embedding.group(templates.space_group)
    assert torch.equal(crystal[1], group[1])
    assert not torch.allclose(crystal[0], group[0])


def test_an_embedding_without_prototypes_does_not_see_them(tiny_config, templates):
    embedding = TemplateEmbedding(tiny_config, 16, 0)
    group = embedding.group(templates.space_group)
    assert torch.equal(embedding.crystal(templates), group)


def test_orbits_may_be_embedded_one_after_the_other(embedding, templates):
    whole = embedding(templates)
    for place in range(3):
        one = Templates(
            space_group=templates.space_group,
            position=templates.position[:, place : place + 1],
            role=templates.role[:, place : place + 1],
            prototype=templates.prototype,
            centre=templates.centre,
        )
        single = embedding(one, first_place=place)[:, 0]
        torch.testing.assert_close(single, whole[:, place])


@settings(max_examples=20)
@given(seed=st.integers(0, 99), turns=st.integers(-2, 2))
def test_coordinates_are_read_periodically(seed, turns):
    torch.manual_seed(0)
    features = CoordinateFeatures(16)
    source = torch.Generator().manual_seed(seed)
    coords, free = torch.rand(2, 4, 3, generator=source), torch.ones(2, 4, 3)
    torch.testing.assert_close(
        features(coords + turns, free), features(coords, free), atol=1e-4, rtol=1e-4
    )


def test_fixed_coordinates_are_not_read():
    features = CoordinateFeatures(16)
    free = torch.tensor([1.0, 0.0, 1.0]).expand(2, 4, 3)
    coords = torch.rand(2, 4, 3, generator=torch.Generator().manual_seed(0))
    other = coords.clone()
    other[..., 1] = 0.7
    assert torch.equal(features(coords, free), features(other, free))
