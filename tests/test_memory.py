"""The setting of the allocator, in processes of their own."""

import subprocess
import sys

import pytest

COUNT = """
import resource
import numpy as np
from crystalgen.memory import keep_freed_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(50):
        blocks = [np.ones(2_000_000) for _ in range(3)]
        del blocks
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

usual = faults()
is_set = keep_freed_memory()
faults()
print(int(is_set), usual, faults())
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc only")
def test_pages_are_not_cleared_again():
    found = subprocess.run(
        [sys.executable, "-c", COUNT], capture_output=True, text=True, check=True
    )
    is_set, usual, kept = map(int, found.stdout.split())
    if not is_set:
        pytest.skip("this C library has no such setting")
    assert kept < usual / 10
