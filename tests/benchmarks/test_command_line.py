import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["raw_draws.py", "--checkpoint", "absent.safetensors"], "absent.safetensors"),
        (["representation.py", "absent.csv.gz"], "absent.csv.gz: there is no such"),
    ],
)
def test_what_its_user_can_mend_ends_a_benchmark_with_one_line(words, message):
    script, *options = words
    done = subprocess.run(
        [sys.executable, BENCHMARKS / script, *options],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ")
    assert message in line
