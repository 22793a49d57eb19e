import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "benchmarks" / "side_by_side.py"
COMMAND = "from crystalgen.cli.app import app; app()"


def run(*command):
    done = subprocess.run(
        [sys.executable, *map(str, command)],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
@pytest.mark.skipif(find_spec("pyxtal") is None, reason="needs the extra tables")
def test_all_sets_are_made_judged_and_drawn(tmp_path):
    cache = tmp_path / "embedded.safetensors"
    run("-c", COMMAND, "data", "build", "embedded", "--max-atoms", 20, "--out", cache)
    out = tmp_path / "results"
    caches = ("--train", cache, "--reference", cache, "--real", cache)
    run(SCRIPT, *caches, "--n", 4, "--workers", 1, "--out", out)
    result = json.loads((out / "side_by_side.json").read_text(encoding="utf-8"))
    assert len(result["sets"]) == 5
    real = result["sets"]["real"]["report"]
    assert real["novelty"]["novel"]["count"] == 0  # they are the training crystals
    page = (out / "README.md").read_text(encoding="utf-8")
    assert str(tmp_path) not in page
    assert all(f"| {name} |" in page for name in ("substitution", "PyXtal random"))
    for plot in out.glob("*.png"):
        assert plot.name in page
        assert plot.stat().st_size < 150_000
