import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.singlepoint import SinglePointCalculator
from ase.db import connect

from crystalgen.datasets.ase_database import ase_database_source
from crystalgen.datasets.entry import Unreadable
from crystalgen.datasets.parsing import parse
from crystalgen.errors import DatasetError


@pytest.mark.parametrize("suffix", [".db", ".json"])
def test_rows_become_entries_with_their_numbers_as_labels(tmp_path, suffix):
    path = tmp_path / f"crystals{suffix}"
    copper = bulk("Cu")
    copper.calc = SinglePointCalculator(copper, energy=-3.5)
    database = connect(path)
    labels = {"band_gap": 0.5, "is_metal": True, "note": "pure", "material_id": "a"}
    database.write(copper, key_value_pairs=labels)
    database.write(bulk("Fe"))
    database.write(Atoms("H2", positions=[[0, 0, 0], [0, 0, 0.7]]))

    source = ase_database_source(path)
    entries = list(source.entries())

    assert source.n_entries == 3
    assert [entry.identifier for entry in entries] == ["a", "2", "3"]
    assert entries[0].properties == {"energy": -3.5, "band_gap": 0.5}
    assert entries[1].properties == {}
    assert parse(entries[1].payload).formula == "Fe1"
    assert isinstance(entries[2].payload, Unreadable)


@pytest.mark.parametrize("name", ["foreign.db", "foreign.json"])
def test_a_foreign_file_is_refused(tmp_path, name):
    path = tmp_path / name
    path.write_text("rubbish " * 300)

    with pytest.raises(DatasetError, match="not an ASE database"):
        ase_database_source(path)


def test_a_missing_and_an_empty_database_are_refused(tmp_path):
    path = tmp_path / "crystals.db"
    with pytest.raises(DatasetError, match="no such file"):
        ase_database_source(path)
    database = connect(path)
    database.delete([database.write(bulk("Cu"))])
    with pytest.raises(DatasetError, match="no rows"):
        ase_database_source(path)
