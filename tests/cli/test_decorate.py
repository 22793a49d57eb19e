import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from crystalgen.cli.app import app
from crystalgen.export.run_folder import read_manifest, read_records
from crystalgen.representation.conversion import to_structure


@pytest.fixture
def run_on(tmp_path, monkeypatch, crystals, tiny_checkpoint):
    """Run `crystalgen decorate` on a perovskite in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    perovskite = next(each for each in crystals if each.formula == "SrTiO3")
    to_structure(perovskite).to("host.cif")

    def run(*arguments, host="host.cif"):
        weights = ("--checkpoint", str(tiny_checkpoint))
        return CliRunner().invoke(app, ["decorate", host, *arguments, *weights])

    return run


def test_decorations_end_in_a_folder_and_a_table(run_on):
    result = run_on("--sites", "Ti", "--cell", "rescaled", "--allow-known", "--n", "4")
    assert result.exit_code == 0, result.output
    assert "open: Ti 1" in result.stdout
    records = list(read_records(Path("decorated")))
    written = sorted(path.stem for path in Path("decorated/cif").iterdir())
    assert written == sorted(each.identifier for each in records)
    assert [each.index for each in records] == list(range(len(records)))
    scores = [each.log_prob or 0.0 for each in records]
    assert scores == sorted(scores, reverse=True)
    assert all(each.crystal.space_group == 221 for each in records)
    assert all(each.flags[0].startswith("sites: ") for each in records)
    assert f"{len(records)} of 4 decorations" in result.stdout


def test_json_is_the_manifest_and_nothing_else(run_on):
    result = run_on("--sites", "Ti", "--cell", "rescaled", "--n", "2", "--json")
    entry = json.loads(result.stdout)
    assert result.stderr == ""
    assert entry == json.loads(Path("decorated/manifest.json").read_text())
    assert entry["request"]["host"] == "host.cif"
    assert entry["request"]["sites"] == ["Ti"]


def test_another_host_is_another_run(run_on):
    asked = ("--sites", "Ti", "--cell", "rescaled", "--n", "1")
    run_on(*asked, "--out", "one")
    text = Path("host.cif").read_text()
    Path("host.cif").write_text(text + "\n# another\n")
    run_on(*asked, "--out", "two")
    runs = {read_manifest(Path(name)).run for name in ("one", "two")}
    assert len(runs) == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--elements", "Xx"), "got 'Xx'"),
        (("--sites", "9z"), "its sites are"),
        (("--keep", "Fe"), "its sites are"),
        (("--elements", "U"), "no training crystal"),
        (("--formula", "NaCl"), "larger supercell"),
        (("--supercell", "3,3,3", "--symmetry", "lowered"), "inequivalent sites"),
        (("--sites", "Ti", "--elements", "Ti"), "1 known"),
    ],
)
def test_what_cannot_be_is_one_line_and_nothing_is_written(run_on, arguments, said):
    result = run_on(*arguments)
    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1
    assert said in result.stderr
    assert not Path("decorated").exists()


def broken(text):
    return {
        "disordered.cif": text.replace("  1\n", "  0.5\n"),
        "flat.cif": text.replace("90.0", "0.01"),
        "nonsense.cif": "not a CIF",
        "empty.cif": "",
    }


@pytest.mark.parametrize("name", [*broken(""), "missing.cif", "host.txt"])
def test_an_unusable_host_is_one_line_and_nothing_is_written(run_on, name):
    text = broken(Path("host.cif").read_text()).get(name)
    if text is not None:
        assert text != Path("host.cif").read_text()
        Path(name).write_text(text)
    result = run_on(host=name)
    assert result.exit_code == 1, result.output
    assert len(result.stderr.splitlines()) == 1
    assert name in result.stderr
    assert not Path("decorated").exists()


@pytest.mark.parametrize("supercell", ["2,2", "a,b,c", "2,-1,1", ""])
def test_a_wrong_supercell_is_wrong_usage(run_on, supercell):
    assert run_on("--supercell", supercell).exit_code == 2


def test_wrong_choices_are_wrong_usage(run_on):
    assert run_on("--cell", "large").exit_code == 2
    assert run_on("--symmetry", "none").exit_code == 2
