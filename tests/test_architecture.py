"""Rules of the repository that no linter knows."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

import crystalgen

ROOT = Path(__file__).parents[1]
TOPS = {
    "crystalgen": "crystalgen",
    "cli": "crystalgen.cli",
    "datasets": "crystalgen.datasets",
}
SOURCES = sorted(path for top in TOPS for path in (ROOT / top).rglob("*.py"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
MAX_LINES = 300

FOREIGN = {
    "a folder of one machine": re.compile(r"(?<![\w.~}])/(root|work|home|Users)/\w"),
    "the host of a package registry": re.compile(
        r"pypi\.org|pythonhosted\.|npmjs\.|anaconda\.org|download\.pytorch|debian\.org"
    ),
}


def tracked_texts():
    """Text files of the repository, or of the folder if it is no checkout."""
    try:
        listed = subprocess.run(
            ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return SOURCES
    paths = [ROOT / name.decode() for name in listed.stdout.split(b"\0") if name]
    return [path for path in paths if path.is_file() and is_text(path)]


def is_text(path):
    with path.open("rb") as file:
        return b"\0" not in file.read(8192)


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_module_fits_on_a_few_screens(path):
    n_lines = len(path.read_text(encoding="utf-8").splitlines())
    assert n_lines <= MAX_LINES, f"{n_lines} lines; split it"


def test_every_package_is_in_the_wheel():
    found = {
        ".".join([name, *init.parent.relative_to(ROOT / top).parts])
        for top, name in TOPS.items()
        for init in (ROOT / top).rglob("__init__.py")
    }
    assert sorted(found) == PROJECT["tool"]["setuptools"]["packages"]


def test_every_data_file_is_in_the_wheel():
    patterns = PROJECT["tool"]["setuptools"]["package-data"]
    packed = {
        path
        for package, globs in patterns.items()
        for pattern in globs
        for path in (ROOT / package.replace(".", "/")).glob(pattern)
    }
    tracked = {
        path
        for path in (ROOT / "crystalgen").rglob("*")
        if path.is_file() and path.suffix in {".json", ".npz", ".safetensors", ".typed"}
    }
    assert tracked <= packed


def test_one_version_is_written_everywhere():
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert PROJECT["project"]["version"] == crystalgen.__version__
    assert f"version: {crystalgen.__version__}\n" in citation


def test_all_direct_dependencies_are_pinned():
    constraints = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    pinned = re.findall(r"^([\w.-]+)==", constraints, flags=re.MULTILINE)
    extras = PROJECT["project"]["optional-dependencies"]
    wanted = [*PROJECT["project"]["dependencies"], *extras["test"]]
    names = [re.split(r"[<>=!~\[]", each)[0] for each in wanted]
    assert {name.lower() for name in names} <= {name.lower() for name in pinned}


@pytest.mark.parametrize("what", FOREIGN)
def test_no_file_names(what):
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:80]}"
        for path in tracked_texts()
        for number, line in enumerate(
            path.read_text(encoding="utf-8", errors="replace").splitlines(), 1
        )
        if FOREIGN[what].search(line)
    ]
    assert found == []
