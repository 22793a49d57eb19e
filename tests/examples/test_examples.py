import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from pymatgen.core import Lattice, Structure

from crystalgen.cli.run_file import read_run_file
from crystalgen.export.run_folder import read_manifest

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"


def run(*command):
    """Run a command as a user would, with the package's own on the path."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [str(part) for part in command],
        env={**os.environ, "PATH": path, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The folder of the training example, cut short."""
    folder = tmp_path_factory.mktemp("examples")
    recipe = (EXAMPLES / "embedded.toml").read_text(encoding="utf-8")
    shorter, n_found = re.subn(r"(?m)^steps = \d+", "steps = 20", recipe)
    assert n_found == 1
    (folder / "short.toml").write_text(shorter, encoding="utf-8")
    script = EXAMPLES / "train_and_generate.sh"
    run(script, folder / "run", folder / "short.toml")
    return folder / "run"


@pytest.mark.filterwarnings("ignore::UserWarning")  # pymatgen on neon, thirds
def test_a_model_is_trained_on_the_embedded_crystals_and_drawn_from(trained):
    counts = read_manifest(trained / "crystals").counts
    assert counts.written == counts.unique == 20
    written = list((trained / "crystals" / "cif").glob("*.cif"))
    assert len(written) == 20
    assert all(len(Structure.from_file(path)) > 0 for path in written)


@pytest.mark.filterwarnings("ignore::UserWarning")  # pymatgen on neon, thirds
def test_crystals_are_generated_in_several_formats(tmp_path):
    run(EXAMPLES / "generate.sh", tmp_path, "--n", 3)
    assert len(list((tmp_path / "any" / "cif").iterdir())) == 3
    for kind in ("cif", "poscar"):
        paths = list((tmp_path / "cubic" / kind).iterdir())
        structures = [Structure.from_file(path, primitive=True) for path in paths]
        groups = [each.get_space_group_info(symprec=0.1)[1] for each in structures]
        assert len(structures) == 3
        assert set(groups) <= {221, 225}
    assert (tmp_path / "cubic" / "crystals.extxyz").read_text().count("Lattice=") == 3


def test_candidates_are_screened_from_python(tmp_path):
    said = run(
        sys.executable,
        EXAMPLES / "screen_candidates.py",
        *("--wanted", 1, "--out", tmp_path),
    )
    (path,) = tmp_path.glob("*.cif")
    structure = Structure.from_file(path)
    assert path.stem in said
    assert "O" in structure.composition
    assert structure.density < 6.0


def test_elements_for_a_site_are_ranked_from_python(tmp_path):
    lattice = Lattice.cubic(3.905)
    places = [[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0]]
    host = Structure.from_spacegroup("Pm-3m", lattice, ["Sr", "Ti", "O"], places)
    host.to(str(tmp_path / "host.cif"))
    said = run(
        sys.executable,
        EXAMPLES / "decorate_host.py",
        *(tmp_path / "host.cif", "--sites", "Ti", "--wanted", 3),
    ).splitlines()
    assert said[0].endswith("open: Ti 1b")
    assert all(line.startswith("Sr") and "O3: score" in line for line in said[1:])


def test_crystals_are_drawn_on_condition_from_python(told_checkpoint, tmp_path):
    said = run(
        sys.executable,
        EXAMPLES / "condition.py",
        *("--condition", "gap=0:5", "--wanted", 1, "--most", 5),
        *("--out", tmp_path, "--checkpoint", told_checkpoint),
    )
    assert "crystals" in said
    assert said.count(": gap ") == len(list(tmp_path.glob("*.cif")))


def test_the_training_example_is_as_short_as_it_says():
    settings = read_run_file(EXAMPLES / "embedded.toml")
    assert settings.data.train == "embedded"
    assert 100 <= settings.train.steps <= 500


def test_the_recipe_of_the_packaged_weights_can_be_read():
    settings = read_run_file(EXAMPLES / "mp-20.toml")
    assert settings.data.train == "mp-20-train.safetensors"
    assert settings.data.val == "mp-20-val.safetensors"


def test_every_example_is_listed():
    listed = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    files = {path.name for path in EXAMPLES.iterdir() if path.suffix in {".py", ".sh"}}
    assert files
    assert all(f"({name})" in listed for name in files)
