import os
from pathlib import Path

import pytest
import spglib.error
from hypothesis import settings

ROOT = Path(__file__).parents[1]

spglib.error.OLD_ERROR_HANDLING = False  # raise SpglibError instead of returning None
settings.register_profile("default", deadline=None, derandomize=True)
settings.load_profile("default")


def real_data_folder():
    """Where the real crystals are, whether or not the folder exists."""
    return Path(os.environ.get("CRYSTALGEN_DATA", ROOT.parent / "shared" / "data"))


def pytest_collection_modifyitems(items):
    folder = real_data_folder()
    if folder.is_dir():
        return
    absent = pytest.mark.skip(reason=f"no real crystals in {folder}")
    for item in items:
        if item.get_closest_marker("data"):
            item.add_marker(absent)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of the real crystals (mp_20/, perov_5/ ...); mark its users `data`."""
    return real_data_folder()
