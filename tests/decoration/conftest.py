"""A model whose tiny networks are untrained: any element is as good as another."""

import pytest

from crystalgen.generation.weights import load_weights
from crystalgen.representation.conversion import to_structure


@pytest.fixture(scope="session")
def weights(tiny_checkpoint):
    return load_weights(tiny_checkpoint)


@pytest.fixture(scope="session")
def structures(crystals):
    """The textbook crystals by formula."""
    return {crystal.formula: to_structure(crystal) for crystal in crystals}


@pytest.fixture(scope="session")
def perovskite(structures):
    return structures["SrTiO3"]
