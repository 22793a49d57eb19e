"""The command line of a benchmark, fit to be printed beside its figures."""

import shlex
import sys
from pathlib import Path


def shown_command() -> str:
    """What was typed; of a file elsewhere on this machine only the name."""
    script, *words = sys.argv
    shown = [Path(word).name if Path(word).is_absolute() else word for word in words]
    return shlex.join(["python", f"benchmarks/{Path(script).name}", *shown])
