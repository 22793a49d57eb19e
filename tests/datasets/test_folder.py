import pytest
from ase.build import bulk
from ase.io import write

from crystalgen.datasets.entry import FileText, Unreadable
from crystalgen.datasets.folder import file_source, folder_source, read_one
from crystalgen.datasets.parsing import parse
from crystalgen.errors import DatasetError


@pytest.fixture
def folder(tmp_path):
    write(tmp_path / "copper.cif", bulk("Cu"))
    write(tmp_path / "POSCAR_iron", bulk("Fe"), format="vasp")
    (tmp_path / "deep" / "er").mkdir(parents=True)
    write(tmp_path / "deep" / "er" / "metals.extxyz", [bulk("Al"), bulk("Mg")])
    write(tmp_path / "deep" / "silver.vasp", bulk("Ag"), format="vasp")
    (tmp_path / "notes.txt").write_text("not a crystal")
    (tmp_path / ".hidden.cif").write_text("not a crystal")
    return tmp_path


def test_crystals_are_found_at_every_depth_in_a_fixed_order(folder):
    source = folder_source(folder)

    entries = list(source.entries())

    assert source.n_entries == len(entries) == 5
    found = [
        (entry.identifier, parse(entry.payload).composition.reduced_formula)
        for entry in entries
    ]
    assert found == [
        ("POSCAR_iron", "Fe"),
        ("copper.cif", "Cu"),
        ("deep/er/metals.extxyz#0", "Al"),
        ("deep/er/metals.extxyz#1", "Mg"),
        ("deep/silver.vasp", "Ag"),
    ]


def test_each_data_block_with_sites_is_a_crystal(tmp_path):
    write(tmp_path / "a.cif", bulk("Cu"))
    write(tmp_path / "b.cif", bulk("Fe"))
    blocks = [(tmp_path / name).read_text() for name in ("a.cif", "b.cif")]
    comment = "data_global\n_comment\n;\ndata_in_a_text_field _atom_site_\n;\n"
    (tmp_path / "both.cif").write_text(comment + "\n".join(blocks))

    entries = [
        entry
        for entry in folder_source(tmp_path).entries()
        if entry.identifier.startswith("both.cif")
    ]

    formulas = [parse(entry.payload).composition.reduced_formula for entry in entries]
    assert formulas[-2:] == ["Cu", "Fe"]
    assert entries[-1].identifier.startswith("both.cif#")


def test_a_cut_off_frame_does_not_lose_those_before_it(tmp_path):
    write(tmp_path / "metals.extxyz", [bulk("Al"), bulk("Mg")])
    path = tmp_path / "metals.extxyz"
    path.write_text(path.read_text() + "rubbish\n")

    payloads = [entry.payload for entry in folder_source(tmp_path).entries()]

    assert [type(payload) for payload in payloads] == [FileText, FileText, Unreadable]
    assert isinstance(payloads[2], Unreadable)
    assert "expected a number of atoms" in payloads[2].reason


@pytest.mark.parametrize("files", [[], ["notes.txt", ".hidden.cif"]])
def test_a_folder_without_crystals_is_refused(tmp_path, files):
    for name in files:
        (tmp_path / name).write_text("")

    with pytest.raises(
        DatasetError, match=r"no crystal in this folder; expected \.cif"
    ):
        folder_source(tmp_path)


def test_a_missing_folder_is_refused(tmp_path):
    with pytest.raises(DatasetError, match="no such folder"):
        folder_source(tmp_path / "none")


def test_one_file_is_a_source_with_the_crystals_in_it(folder):
    source = file_source(folder / "deep" / "er" / "metals.extxyz")

    entries = list(source.entries())

    assert source.n_entries == 2
    assert [entry.identifier for entry in entries] == [
        "metals.extxyz#0",
        "metals.extxyz#1",
    ]
    assert [parse(each.payload).composition.reduced_formula for each in entries] == [
        "Al",
        "Mg",
    ]


@pytest.mark.parametrize("name", ["absent.cif", "deep"])
def test_a_file_that_is_not_there_is_refused(folder, name):
    with pytest.raises(DatasetError, match=f"{name}: no such file"):
        file_source(folder / name)


def test_a_file_of_another_kind_is_refused(folder):
    with pytest.raises(DatasetError, match=r"notes\.txt: of unknown kind"):
        file_source(folder / "notes.txt")


def test_one_file_is_read_by_itself(folder):
    for name in ("copper.cif", "POSCAR_iron", "deep/silver.vasp"):
        assert len(parse(read_one(folder / name))) > 0


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("none.cif", "no such file"),
        ("notes.txt", "unknown kind"),
        ("deep/er/metals.extxyz", "2 crystals"),
        ("deep", "no such file"),
    ],
)
def test_what_is_not_one_crystal_is_refused(folder, name, said):
    with pytest.raises(DatasetError, match=said):
        read_one(folder / name)
