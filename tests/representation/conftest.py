"""How crystals are compared."""

import numpy as np
import pytest


@pytest.fixture(scope="session")
def agree():
    """Whether two crystals have the same description, up to a tolerance."""

    def compare(one, other, *, tolerance=1e-6):
        names = ("space_group", "wyckoff", "species")
        if any(getattr(one, name) != getattr(other, name) for name in names):
            return False
        offset = one.free_coords - other.free_coords
        cells = one.lattice_parameters - other.lattice_parameters
        return bool(
            np.abs(offset - np.rint(offset)).max() < tolerance
            and np.abs(cells).max() < 10 * tolerance
        )

    return compare
