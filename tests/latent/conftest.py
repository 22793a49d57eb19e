"""The weights inside the package: walks through untrained codes say nothing."""

import pytest

from crystalgen.generation.weights import load_weights
from crystalgen.latent import read_codes


@pytest.fixture(scope="session")
def weights():
    return load_weights(None)


@pytest.fixture(scope="session")
def readings(weights, crystals):
    return list(read_codes(weights, crystals))
