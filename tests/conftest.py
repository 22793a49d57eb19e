import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import spglib.error
import torch
from hypothesis import settings
from pymatgen.core import Lattice, Structure

from crystalgen.config import as_plain
from crystalgen.graphs.quotient import quotient_graph
from crystalgen.graphs.table import GraphTable
from crystalgen.model.autoencoder import CrystalAutoencoder
from crystalgen.model.checkpoint import save_checkpoint
from crystalgen.model.collate import label_examples
from crystalgen.model.config import ModelConfig
from crystalgen.model.statistics import count_statistics
from crystalgen.representation.conversion import expand
from crystalgen.representation.crystal import SymmetricCrystal, free_parameters
from crystalgen.representation.legality import (
    END,
    legal_tokens,
    letter_rules,
    smallest_atoms,
)
from crystalgen.representation.table import CrystalTable
from crystalgen.symmetry.lattice import constrain
from crystalgen.symmetry.wyckoff import LETTERS, crystal_system

ROOT = Path(__file__).parents[1]

spglib.error.OLD_ERROR_HANDLING = False  # raise SpglibError instead of returning None
torch.set_num_threads(1)  # tiny networks spend their time on waking threads
settings.register_profile("default", deadline=None, derandomize=True, max_examples=40)
settings.register_profile("thorough", deadline=None, max_examples=400)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


def real_data_folder():
    """Where the real crystals are, whether or not the folder exists."""
    return Path(os.environ.get("CRYSTALGEN_DATA", ROOT.parent / "shared" / "data"))


def pytest_collection_modifyitems(items):
    folder = real_data_folder()
    if folder.is_dir():
        return
    absent = pytest.mark.skip(reason=f"no real crystals in {folder}")
    for item in items:
        if item.get_closest_marker("data"):
            item.add_marker(absent)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of the real crystals (mp_20/, perov_5/ ...); mark its users `data`."""
    return real_data_folder()


def crystal(space_group, cell, *orbits):
    """A crystal from orbits (letter, atomic number, x, y, z)."""
    return SymmetricCrystal(
        space_group=space_group,
        wyckoff=tuple(LETTERS.index(letter) for letter, *_ in orbits),
        species=tuple(number for _, number, *_ in orbits),
        free_coords=np.array([xyz for _, _, *xyz in orbits], dtype=np.float64),
        lattice_parameters=np.array(cell, dtype=np.float64),
    )


def cubic(edge):
    return (edge, edge, edge, 90, 90, 90)


def hexagonal(a, c):
    return (a, a, c, 90, 90, 120)


@pytest.fixture(scope="session")
def crystals():
    """Textbook crystals of all systems; NaCl's prototype occurs 3 times, SrTiO3's 2."""
    rock_salts = [(11, 17, 5.64), (3, 9, 4.03), (12, 8, 4.21)]
    perovskites = [(38, 22, 3.905), (56, 40, 4.19)]
    return (
        *(
            crystal(225, cubic(edge), ("a", cation, 0, 0, 0), ("b", anion, 0, 0, 0))
            for cation, anion, edge in rock_salts
        ),
        *(
            crystal(
                221,
                cubic(edge),
                ("a", a, 0, 0, 0),
                ("b", b, 0, 0, 0),
                ("c", 8, 0, 0, 0),
            )
            for a, b, edge in perovskites
        ),
        crystal(227, cubic(5.43), ("a", 14, 0, 0, 0)),
        crystal(194, hexagonal(3.21, 5.21), ("c", 12, 0, 0, 0)),
        crystal(186, hexagonal(3.25, 5.21), ("b", 30, 0, 0, 0), ("b", 8, 0, 0, 0.382)),
        crystal(
            136,
            (4.594, 4.594, 2.959, 90, 90, 90),
            ("a", 22, 0, 0, 0),
            ("f", 8, 0.305, 0, 0),
        ),
        crystal(
            167,
            hexagonal(4.99, 17.06),
            ("a", 6, 0, 0, 0),
            ("b", 20, 0, 0, 0),
            ("e", 8, 0.257, 0, 0),
        ),
        crystal(
            227,
            cubic(8.08),
            ("a", 12, 0, 0, 0),
            ("d", 13, 0, 0, 0),
            ("e", 8, 0.262, 0, 0),
        ),
        crystal(
            62,
            (11.18, 3.98, 4.19, 90, 90, 90),
            ("c", 32, 0.121, 0, 0.106),
            ("c", 34, 0.852, 0, 0.503),
        ),
        crystal(
            14,
            (5.15, 5.21, 5.32, 90, 99.2, 90),
            ("e", 40, 0.224, 0.041, 0.292),
            ("e", 8, 0.058, 0.745, 0.521),
            ("e", 8, 0.430, 0.168, 0.655),
        ),
        crystal(
            1,
            (4.1, 4.6, 5.2, 81, 83, 75),
            ("a", 29, 0, 0, 0),
            ("a", 16, 0.31, 0.58, 0.77),
            ("a", 9, 0.72, 0.85, 0.45),
        ),
    )


def draw_crystal(number, seed, *, max_atoms=16, n_general=0):
    """Legal letters, random elements and generic free parameters.

    Two more orbits on the general position, say, leave no symmetry but the group's.
    """
    rng = np.random.default_rng(seed)
    rules = letter_rules(max(max_atoms, smallest_atoms(number)))
    letters = []
    while True:
        token = int(rng.choice(np.flatnonzero(legal_tokens(rules, number, letters))))
        if token == END:
            break
        letters.append(token)
    letters += [len(free_parameters(number)) - 1] * n_general
    n_orbits = len(letters)
    # large enough a cell for that many atoms
    lengths = rng.uniform(0.8, 1.6, 3) * 3.5 * (4 * n_orbits) ** (1 / 3)
    parameters = np.array([*lengths, *rng.uniform(70, 110, 3)])
    return SymmetricCrystal(
        space_group=number,
        wyckoff=tuple(letters),
        species=tuple(int(z) for z in rng.choice([3, 8, 26], n_orbits)),
        free_coords=rng.random((n_orbits, 3)) * free_parameters(number)[letters],
        lattice_parameters=constrain(parameters, crystal_system(number)),
    )


@pytest.fixture(scope="session")
def random_crystal():
    """Function of a space group and a seed that draws a legal random crystal."""
    return draw_crystal


@pytest.fixture(scope="session")
def tables(crystals):
    """The crystals and their graphs."""
    graphs = []
    for each in crystals:
        atoms = expand(each)
        graphs.append(
            quotient_graph(
                atoms.lattice,
                atoms.frac_coords,
                atoms.orbit_of_atom,
                atoms.representative,
            )
        )
    names = [each.formula for each in crystals]
    table = CrystalTable.from_crystals(crystals, identifiers=names)
    return table, GraphTable.from_graphs(graphs)


@pytest.fixture(scope="session")
def tiny_config():
    """Networks as small as they come."""
    return ModelConfig(
        width=16,
        species_prior_width=24,
        position_width=8,
        prototype_width=4,
        heads=2,
        graph_layers=1,
        encoder_layers=1,
        species_layers=1,
        geometry_layers=1,
        context_layers=1,
        prior_layers=2,
        species_codes=(2, 8),
        geometry_codes=(2, 6),
        code_width=8,
        relaxer_width=8,
        relaxer_layers=1,
        mixture_components=2,
    )


@pytest.fixture(scope="session")
def autoencoder(tables, tiny_config):
    """Tiny networks with random weights, in evaluation mode."""
    with torch.random.fork_rng():
        torch.manual_seed(3)
        return CrystalAutoencoder(tiny_config, count_statistics(*tables)).eval()


@pytest.fixture(scope="session")
def tiny_checkpoint(autoencoder, tiny_config, tmp_path_factory):
    """A file with the tiny networks."""
    path = tmp_path_factory.mktemp("tiny") / "tiny.safetensors"
    config = {"model": as_plain(tiny_config), "objective": {}}
    save_checkpoint(path, autoencoder.state_dict(), config)
    return path


@pytest.fixture(scope="session")
def examples(tables, autoencoder):
    """The crystals, labelled with roles and prototypes."""
    statistics = autoencoder.generative.statistics
    crystals, graphs = tables
    return label_examples(crystals, graphs, statistics.vocabulary)


@pytest.fixture(scope="session")
def labelled(tables):
    """The crystals with a full column and one with holes, and their graphs."""
    crystals, graphs = tables
    gap = np.linspace(0.0, 5.0, len(crystals))
    energy = np.where(np.arange(len(crystals)) % 3 == 0, np.nan, -gap)
    return replace(crystals, properties={"gap": gap, "energy": energy}), graphs


@pytest.fixture(scope="session")
def told_checkpoint(labelled, tiny_config, tmp_path_factory):
    """Tiny networks that listen to two properties, as if they had been trained."""
    names = ("gap", "energy")
    config = replace(tiny_config, properties=names)
    with torch.random.fork_rng():
        torch.manual_seed(3)
        crystals, graphs = labelled
        statistics = count_statistics(crystals, graphs, names)
        model = CrystalAutoencoder(config, statistics)
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                if ".given" in name:
                    parameter.copy_(0.5 * torch.randn(parameter.shape))
    path = tmp_path_factory.mktemp("told") / "told.safetensors"
    settings = {"model": as_plain(config), "objective": {}}
    save_checkpoint(path, model.state_dict(), settings)
    return path


@pytest.fixture(scope="session")
def strained_crystals():
    """Makes n crystals of one element of a seed, some of them alike."""
    return _strained_crystals


def _strained_crystals(seed, n):
    """Crystals of one element: a few random ones, strained and shaken."""
    rng = np.random.default_rng(seed)
    parents = []
    for n_atoms in rng.integers(1, 4, size=3):
        angles = rng.uniform(62, 118, size=3)
        while angles.sum() > 350 or 2 * angles.max() > angles.sum() - 5:
            angles = rng.uniform(62, 118, size=3)
        lengths = rng.uniform(2.0, 4.0, size=3) * n_atoms ** (1 / 3)
        parents.append(((*lengths, *angles), rng.random((n_atoms, 3))))
    for _ in range(n):
        parameters, coords = parents[rng.integers(len(parents))]
        strain = 1 + rng.uniform(-0.15, 0.15, size=6) * (1, 1, 1, 0.3, 0.3, 0.3)
        shaken = coords + rng.normal(scale=0.05, size=coords.shape)
        lattice = Lattice.from_parameters(*np.multiply(parameters, strain))
        yield Structure(lattice, ["C"] * len(coords), shaken)
