import gzip
import json
import subprocess
import sys
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from crystalgen.cli import data
from crystalgen.cli.app import app
from crystalgen.datasets.cache import read_cache, read_cache_info
from crystalgen.datasets.catalog import MP_20

CIF = """# generated using pymatgen
data_CsCl
_symmetry_space_group_name_H-M   'P 1'
_cell_length_a   4.00000000
_cell_length_b   4.00000000
_cell_length_c   4.00000000
_cell_angle_alpha   90.00000000
_cell_angle_beta   90.00000000
_cell_angle_gamma   90.00000000
_symmetry_Int_Tables_number   1
_chemical_formula_structural   CsCl
_chemical_formula_sum   'Cs1 Cl1'
_cell_volume   64.00000000
_cell_formula_units_Z   1
loop_
 _symmetry_equiv_pos_site_id
 _symmetry_equiv_pos_as_xyz
  1  'x, y, z'
loop_
 _atom_site_type_symbol
 _atom_site_label
 _atom_site_symmetry_multiplicity
 _atom_site_fract_x
 _atom_site_fract_y
 _atom_site_fract_z
 _atom_site_occupancy
  Cs  Cs0  1  0.00000000  0.00000000  0.00000000  1
  Cl  Cl1  1  0.50000000  0.50000000  0.50000000  1
"""


def run(*arguments):
    return CliRunner().invoke(app, ["data", *map(str, arguments)])


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "crystals.csv.gz"
    rows = f'material_id,gap,cif\nmp-1,8.3,"{CIF}"\nmp-2,1.0,rubbish\n'
    path.write_bytes(gzip.compress(rows.encode()))
    return path


@pytest.fixture
def catalog(monkeypatch, tmp_path, table):
    """A catalogue whose one address is the table, and an empty download folder."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "downloads"))

    def publish(sha256):
        file = replace(MP_20.train, url=table.as_uri(), sha256=sha256)
        dataset = replace(MP_20, train=file)
        monkeypatch.setattr(data, "find_dataset", lambda name: dataset)

    return publish


def test_a_table_becomes_a_cache_and_a_list_of_what_was_left_out(table, tmp_path):
    out = tmp_path / "cache.safetensors"

    result = run("build", table, "--out", out, "--workers", 1)

    assert result.exit_code == 0, result.output
    crystals, graphs = read_cache(out)
    assert crystals.identifiers == ("mp-1",)
    assert len(graphs) == 1
    for word in ("read", "kept", "rejected", "unreadable", "seconds"):
        assert word in result.stdout
    (line,) = (tmp_path / "cache.safetensors.rejected.jsonl").read_text().splitlines()
    assert json.loads(line)["identifier"] == "mp-2"


def test_the_summary_comes_as_one_json_object(table, tmp_path):
    out = tmp_path / "cache.safetensors"

    result = run("build", table, "--out", out, "--workers", 1, "--json")

    summary = json.loads(result.stdout)
    assert (summary["n_read"], summary["n_kept"]) == (2, 1)
    assert summary["rejected"] == {"unreadable": 1}
    assert summary["bytes"] == out.stat().st_size
    assert result.stderr == ""


def test_a_named_dataset_is_downloaded_once_and_verified(catalog, table, tmp_path):
    catalog(sha256="")
    out = tmp_path / "cache.safetensors"

    first = run("build", "mp-20", "--out", out, "--workers", 1)
    table.unlink()
    second = run("build", "mp-20", "--out", out, "--workers", 1)

    assert first.exit_code == second.exit_code == 0, first.output + second.output
    info = read_cache_info(out)
    assert (info.source, info.license) == ("mp-20/train", "CC-BY-4.0")
    assert info.source_sha256 in first.stderr.replace("\n", "")


def test_a_download_with_another_hash_is_refused_and_not_kept(catalog, tmp_path):
    catalog(sha256="00" * 32)

    result = run("build", "mp-20", "--out", tmp_path / "cache")

    assert result.exit_code == 1
    assert "expected 0000" in result.stderr
    assert not (tmp_path / "cache").exists()
    assert not list((tmp_path / "downloads" / "crystalgen").iterdir())


def test_a_file_of_ones_own_is_used_and_said_to_be_unverified(table, tmp_path):
    out = tmp_path / "cache"

    result = run("build", "mp-20", "--from", table, "--out", out, "--workers", 1)

    assert result.exit_code == 0, result.output
    assert "not verified as the published mp-20/train" in result.stderr
    assert read_cache_info(out).source == "mp-20/train"


@pytest.mark.parametrize(
    ("source", "options", "message"),
    [
        ("mp20", [], "no file, folder or data set 'mp20'; did you mean 'mp-20'?"),
        ("none.csv", [], "no file, folder or data set 'none.csv'"),
        ("mp-20", ["--from", "none.csv"], "none.csv: no such file"),
        ("bad.csv", [], "no column 'cif'; there are: a, b"),
        ("empty", [], "no crystal in this folder"),
        ("bad.csv", ["--from", "bad.csv"], "is not a named data set"),
        ("bad.csv", ["--symprec", "0"], "symprec is 0.0 Å"),
        ("bad.csv", ["--out", "missing/cache"], "missing/cache: cannot be written"),
        ("bad.csv", ["--out", "empty"], "empty: a folder; expected the name"),
        ("worse.csv", [], "none of 1 entries could be used"),
    ],
)
def test_a_users_mistake_is_one_line_and_leaves_nothing(
    monkeypatch, tmp_path, source, options, message
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.csv").write_text("a,b\n1,2\n")
    (tmp_path / "worse.csv").write_text("a,cif\n1,2\n")
    (tmp_path / "empty").mkdir()
    before = sorted(tmp_path.rglob("*"))

    result = run("build", source, "--out", "cache", "--workers", 1, *options)

    assert result.exit_code == 1
    (line,) = [line for line in result.stderr.splitlines() if "error" in line]
    assert message in line
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    "options", [["--workers", "0"], ["--max-atoms", "0"], ["--split", "half"], []]
)
def test_a_mistake_in_usage_exits_with_two(options):
    out = ["--out", "cache"] if options else []

    assert run("build", "embedded", *out, *options).exit_code == 2


def test_the_list_names_every_dataset_with_licence_and_citation():
    result = run("list")

    assert result.exit_code == 0
    for word in ("embedded", "mp-20", "perov-5", "carbon-24", "mpts-52", "CC-BY-4.0"):
        assert word in result.stdout
    listed = json.loads(run("list", "--json").stdout)
    assert [dataset["name"] for dataset in listed][:2] == ["embedded", "mp-20"]
    assert all(dataset["license"] and dataset["citation"] for dataset in listed)


def test_a_cache_is_shown_with_its_origin_and_contents(table, tmp_path):
    out = tmp_path / "cache"
    run("build", table, "--out", out, "--workers", 1)

    result = run("show", out)

    assert result.exit_code == 0, result.output
    assert "1 of 2 read" in result.stdout
    assert "1 known, 8.3 to 8.3" in result.stdout
    shown = json.loads(run("show", out, "--json").stdout)
    assert shown["source"] == "crystals.csv.gz"
    assert (shown["n_crystals"], shown["n_orbits"], shown["n_edges"]) == (1, 2, 24)


def test_a_foreign_file_is_not_shown(table):
    result = run("show", table)

    assert result.exit_code == 1
    assert result.stderr.startswith(f"error: {table}: not a crystalgen cache")


def test_the_list_needs_neither_torch_nor_pymatgen():
    code = (
        "import sys; from typer.testing import CliRunner;"
        "from crystalgen.cli.app import app;"
        "CliRunner().invoke(app, ['data', 'list']);"
        "sys.exit(bool({'torch', 'pymatgen', 'ase', 'spglib'} & set(sys.modules)))"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_cache_is_split_by_prototypes(tmp_path):
    cache, parts = tmp_path / "embedded.safetensors", tmp_path / "parts"
    run("build", "embedded", "--out", cache, "--workers", 1)

    result = run("split", cache, "--out", parts, "--hold-out-prototypes", 0.2, "--json")

    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    sizes = {name: len(read_cache(parts / f"{name}.safetensors")[0]) for name in told}
    assert sizes == {name: part["crystals"] for name, part in told.items()}
    assert sum(sizes.values()) == len(read_cache(cache)[0])
    shown = run("split", cache, "--out", parts)
    assert all(word in shown.output for word in ("train", "val", "test", "prototypes"))


def test_a_share_outside_its_range_is_a_wrong_option(tmp_path):
    result = run("split", "none", "--out", tmp_path, "--hold-out-prototypes", 1)
    assert result.exit_code == 2


def test_a_split_of_what_is_not_there_is_one_line(tmp_path):
    result = run("split", tmp_path / "none", "--out", tmp_path)
    assert result.exit_code == 1
    assert "no such file" in result.output
