"""The TOML file of a run: a table for each layer, and where the crystals are.

    [data]       train = "train.safetensors", val = "val.safetensors"
    [model]      see `crystalgen.model.config.ModelConfig`
    [objective]  see `crystalgen.training.objective.ObjectiveConfig`
    [train]      see `crystalgen.training.config.TrainConfig`

Every table may be left out. Importing this module imports torch.
"""

from dataclasses import asdict, dataclass, field
from pathlib import Path

from crystalgen.config import load
from crystalgen.datasets.build import Conversion, collect, convert_entries
from crystalgen.datasets.cache import CacheInfo, read_cache, read_cache_info
from crystalgen.datasets.catalog import EMBEDDED
from crystalgen.datasets.pool import available_cores
from crystalgen.datasets.sources import local_source
from crystalgen.datasets.store import check_place, store
from crystalgen.errors import DatasetError
from crystalgen.model.config import ModelConfig
from crystalgen.training.config import TrainConfig
from crystalgen.training.machine import Machine
from crystalgen.training.objective import ObjectiveConfig
from crystalgen.training.run import RunConfig, Tables


@dataclass(frozen=True, slots=True, kw_only=True)
class DataConfig:
    """Where the crystals are."""

    train: str = EMBEDDED.name
    """A cache written by ``crystalgen data build``, relative to the TOML file, or
    "embedded" for the prototypes and elements that come with the package."""
    val: str = ""
    """A cache of crystals to validate on; none if empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFile:
    """All tables of the file."""

    data: DataConfig = field(default_factory=DataConfig)
    """Where the crystals are."""
    model: ModelConfig = field(default_factory=ModelConfig)
    """Shape of the networks."""
    objective: ObjectiveConfig = field(default_factory=ObjectiveConfig)
    """Weights and schedules of the loss."""
    train: TrainConfig = field(default_factory=TrainConfig)
    """How long, how fast and where."""

    @property
    def run(self) -> RunConfig:
        """Everything but the data."""
        return RunConfig(model=self.model, objective=self.objective, train=self.train)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunData:
    """The crystals of a run."""

    train: Tables
    """To train on."""
    val: Tables | None
    """To validate on."""
    info: CacheInfo
    """Where the training crystals come from."""

    @property
    def provenance(self) -> dict[str, object]:
        """What the weights shall say of their training data."""
        facts = asdict(self.info)
        kept = ("source", "license", "citation", "source_sha256", "n_kept")
        return {name: facts[name] for name in kept}


def read_run_file(path: Path) -> RunFile:
    """Read the settings of a run.

    Raises:
        ConfigError: The file is missing, or a setting is unknown or impossible.
    """
    return load(path, RunFile)


def read_run_data(
    path: Path, settings: RunFile, out: Path, machine: Machine
) -> RunData:
    """Open the caches of a run; the embedded crystals are built into ``out`` once.

    Args:
        path: The TOML file, to whose folder the paths in it are relative.
        settings: What was read from it.
        out: The run folder.
        machine: Of this process; only the first one builds.

    Raises:
        DatasetError: A cache is missing or damaged.
    """
    folder, data = path.parent, settings.data
    cache = folder / data.train
    if data.train == EMBEDDED.name:
        cache = out / f"{EMBEDDED.name}.safetensors"
        if machine.is_first and not cache.exists():
            build_embedded(cache, max_atoms=settings.model.max_atoms)
        machine.wait()
    return RunData(
        train=read_cache(cache),
        val=read_cache(folder / data.val) if data.val else None,
        info=read_cache_info(cache),
    )


def build_embedded(cache: Path, *, max_atoms: int) -> None:
    """Write a cache of the crystals that come with the package.

    Raises:
        DatasetError: The place cannot be written to.
    """
    try:
        cache.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DatasetError(
            f"{cache.parent}: cannot be created: {error.strerror}"
        ) from error
    check_place(cache)
    source, conversion = local_source(EMBEDDED.name), Conversion(max_atoms=max_atoms)
    results = convert_entries(source, conversion, n_workers=available_cores())
    store(collect(results), source, conversion, cache)
