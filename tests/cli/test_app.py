import subprocess
import sys
import time

import pytest
from typer.testing import CliRunner

import crystalgen
from crystalgen.cli.app import app

HELP = """
import sys
from crystalgen.cli.app import app
try:
    app(["--help"])
finally:
    heavy = {"torch", "torch_geometric", "pymatgen", "ase", "spglib", "numpy"}
    found = heavy & set(sys.modules)
    if found:
        sys.exit(f"--help imports {sorted(found)}")
"""


def test_help_imports_nothing_heavy_and_answers_at_once():
    seconds = []
    for _ in range(3):  # the first may find a cold disk, any a busy machine
        start = time.perf_counter()
        result = subprocess.run(
            [sys.executable, "-c", HELP], capture_output=True, text=True
        )
        seconds.append(time.perf_counter() - start)
        assert result.returncode == 0, result.stderr
        assert "Usage" in result.stdout
    assert min(seconds) < 1


def test_help_shows_words_in_brackets():
    result = CliRunner().invoke(app, ["train", "--help"], env={"COLUMNS": "80"})
    assert all(f"[{name}]" in result.stdout for name in ("data", "model", "train"))


def test_help_fills_its_lines():
    result = CliRunner().invoke(app, ["teach", "--help"], env={"COLUMNS": "80"})
    text = result.stdout.split("A network, ")[1].split("torchrun")[0].strip()
    lines = [line.strip() for line in text.splitlines()][1:-1]
    assert min(map(len, lines)) > 60


def test_version_is_the_version_of_the_package():
    result = CliRunner().invoke(app, ["--version"])
    assert (result.exit_code, result.stdout) == (
        0,
        f"crystalgen {crystalgen.__version__}\n",
    )


@pytest.mark.parametrize("arguments", [["--nonsense"], ["nonsense"]])
def test_a_wrong_usage_exits_with_2(arguments):
    assert CliRunner().invoke(app, arguments).exit_code == 2
