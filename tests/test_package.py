import subprocess
import sys

import pytest

import crystalgen
from crystalgen import generation


def test_importing_the_package_imports_nothing_heavy():
    code = "import sys, crystalgen; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_the_public_names_are_those_of_generation():
    assert crystalgen.Generator is generation.Generator
    assert crystalgen.Request is generation.Request


def test_every_public_name_exists():
    assert crystalgen.__all__ == sorted(crystalgen.__all__)
    assert all(hasattr(crystalgen, name) for name in crystalgen.__all__)


def test_a_name_that_does_not_exist_is_an_attribute_error():
    with pytest.raises(AttributeError, match="'crystalgen' has no attribute 'Other'"):
        crystalgen.Other  # noqa: B018  # pyright: ignore[reportAttributeAccessIssue]
