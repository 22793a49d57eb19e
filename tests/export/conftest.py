import numpy as np
import pytest

from crystalgen.export.formats import Format
from crystalgen.export.manifest import Counts, Manifest
from crystalgen.export.record import CrystalRecord
from crystalgen.representation.conversion import to_structure
from crystalgen.representation.crystal import SymmetricCrystal
from crystalgen.symmetry.lattice import constrain
from crystalgen.symmetry.wyckoff import space_group

CELL = np.array([9.1, 10.2, 11.3, 80.0, 95.0, 105.0])


def random_crystal(number, rng, *, values=None, n_orbits=3):
    """A crystal of a group whose atoms keep 0.3 Å, or None after some tries."""
    group = space_group(number)
    for _ in range(20):
        size = min(n_orbits, len(group.positions))
        chosen = sorted(rng.choice(len(group.positions), size, replace=False).tolist())
        free = np.array([group.positions[index].free for index in chosen])
        shape = (len(chosen), 3)
        xyz = rng.random(shape) if values is None else rng.choice(values, shape) % 1
        crystal = SymmetricCrystal(
            space_group=number,
            wyckoff=tuple(chosen),
            species=tuple(rng.permutation([3, 8, 26, 57])[: len(chosen)].tolist()),
            free_coords=np.where(free, xyz, 0.0),
            lattice_parameters=constrain(CELL, group.crystal_system),
        )
        distances = to_structure(crystal).distance_matrix
        np.fill_diagonal(distances, np.inf)
        if distances.min() > 0.3:
            return crystal
    return None


@pytest.fixture(scope="session")
def crystal_of_group():
    return random_crystal


@pytest.fixture
def records(crystals):
    return [
        CrystalRecord(
            identifier=f"abcdef-{index:06d}-{crystal.formula}",
            index=index,
            crystal=crystal,
            codes=((1, 2, 3), (4,), ()),
            log_prob=-1.5,
            flags=("a remark",),
            rejected={"distance": 2},
        )
        for index, crystal in enumerate(crystals)
    ]


@pytest.fixture
def manifest():
    return Manifest(
        command="crystalgen generate --n 14",
        request={"n": 14, "space_groups": []},
        seed=0,
        weights="test-weights",
        weights_sha256="ab" * 32,
        formats=tuple(each.value for each in Format),
        counts=Counts(asked=14),
    )
