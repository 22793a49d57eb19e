import math

import numpy as np
import pytest
from ase import Atoms
from ase.io import write
from rich.console import Console

from crystalgen.cli import crystal_inputs
from crystalgen.cli.crystal_inputs import read_all, read_one
from crystalgen.datasets.pool import Lost
from crystalgen.errors import DatasetError
from crystalgen.export.cif import cif_text
from crystalgen.generation.weights import load_weights

CONSOLE = Console(quiet=True)


@pytest.fixture(scope="module")
def weights():
    return load_weights(None)


@pytest.fixture
def files(tmp_path, crystals):
    for place in (0, 8):
        crystal = crystals[place]
        text = cif_text(crystal, identifier=crystal.formula)
        (tmp_path / f"{crystal.formula}.cif").write_text(text)
    return tmp_path


def read(folder, weights, *, pass_over=False, limit=None):
    return read_all(
        [str(folder)],
        weights,
        pass_over=pass_over,
        n_workers=1,
        console=CONSOLE,
        limit=limit,
    )


def test_crystals_have_the_names_of_their_files(files, weights):
    found = read(files, weights)
    assert [each.identifier for each in found] == ["NaCl", "TiO2"]
    assert [each.crystal and each.crystal.label for each in found] == [
        "225:a.b",
        "136:a.f",
    ]
    assert all(math.isnan(each.band_gap) for each in found)


def test_gaps_come_from_the_column_of_a_table(files, weights):
    table = files / "table.csv"
    text = (files / "NaCl.cif").read_text()
    table.write_text(f'material_id,band_gap,cif\nsalt,5.1,"{text}"\n')
    (salt,) = read(table, weights)
    assert (salt.identifier, salt.band_gap) == ("salt", 5.1)


def test_only_the_first_are_read_if_so_asked(files, weights):
    assert [each.identifier for each in read(files, weights, limit=1)] == ["NaCl"]


def test_many_are_read_in_processes_and_one_lost_there_has_its_reason(
    files, weights, monkeypatch
):
    def survive(function, entries, *, n_workers, timeout_s):
        _, *others = entries
        yield Lost(reason="took longer than 120 s")
        yield from map(function, others)

    monkeypatch.setattr(crystal_inputs, "FEW", 0)
    monkeypatch.setattr(crystal_inputs, "survive_map", survive)
    (rutile,) = read(files, weights, pass_over=True)
    assert rutile.identifier == "TiO2"
    with pytest.raises(DatasetError, match=r"1 of 2 .* NaCl: took longer than 120 s"):
        read(files, weights)


def test_a_crystal_too_large_for_the_weights_is_refused_by_name(files, weights):
    rng = np.random.default_rng(0)
    atoms = Atoms("Si21", cell=[[20, 0, 0], [1, 21, 0], [2, 3, 22]], pbc=True)
    atoms.set_scaled_positions(rng.uniform(size=(21, 3)))
    write(files / "large.extxyz", atoms)
    with pytest.raises(DatasetError, match=r"large.* 21 orbits"):
        read(files, weights)


def test_a_file_of_several_crystals_is_not_one(files):
    texts = [path.read_text() for path in sorted(files.iterdir())]
    (files / "both.cif").write_text("\n".join(texts))
    with pytest.raises(DatasetError, match=r"both\.cif: holds 2 crystals"):
        read_one(files / "both.cif")


def test_an_empty_folder_is_refused(tmp_path, weights):
    with pytest.raises(DatasetError, match="no crystal in this folder"):
        read(tmp_path, weights)
