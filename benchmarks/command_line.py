"""How the command line of a benchmark is shown beside its figures, and how it ends."""

import shlex
import sys
from collections.abc import Callable
from pathlib import Path

from crystalgen.errors import CrystalgenError


def run(main: Callable[[], None]) -> None:
    """Run a benchmark; what its user can mend ends it with one line."""
    try:
        main()
    except FileNotFoundError as error:
        sys.exit(f"error: {error.filename}: there is no such file or folder")
    except CrystalgenError as error:
        sys.exit(f"error: {error}")


def shown_command() -> str:
    """What was typed; of a file elsewhere on this machine only the name."""
    script, *words = sys.argv
    shown = [Path(word).name if Path(word).is_absolute() else word for word in words]
    return shlex.join(["python", f"benchmarks/{Path(script).name}", *shown])
