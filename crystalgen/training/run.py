"""Train the autoencoder on tables of crystals: one call, one folder.

The seam between the loop, which knows no crystals, and the objective, which knows no
loop. Never asks where the crystals come from.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch

from crystalgen.config import as_plain
from crystalgen.errors import TrainingError
from crystalgen.graphs.table import GraphTable
from crystalgen.model.autoencoder import CrystalAutoencoder
from crystalgen.model.collate import label_examples
from crystalgen.model.config import ModelConfig
from crystalgen.model.statistics import Statistics, count_statistics
from crystalgen.representation.table import CrystalTable
from crystalgen.training.config import TrainConfig
from crystalgen.training.fit import Report, fit
from crystalgen.training.folder import check_folder
from crystalgen.training.loop import never
from crystalgen.training.machine import Machine, start_machine
from crystalgen.training.objective import AutoencoderProblem, ObjectiveConfig
from crystalgen.training.relaxing import train_relaxer, without_relaxer

Tables = tuple[CrystalTable, GraphTable]
"""Crystals and their graphs, in the same order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunConfig:
    """All settings of a run but its data; each is a table of the TOML file."""

    model: ModelConfig = field(default_factory=ModelConfig)
    """Shape of the networks."""
    objective: ObjectiveConfig = field(default_factory=ObjectiveConfig)
    """Weights and schedules of the loss."""
    train: TrainConfig = field(default_factory=TrainConfig)
    """How long, how fast and where."""


def train_run(
    config: RunConfig,
    train_tables: Tables,
    val_tables: Tables | None,
    out: Path,
    *,
    resume: bool = False,
    stop: Callable[[], object] = never,
    machine: Machine | None = None,
    provenance: Mapping[str, object] | None = None,
) -> Iterator[Report]:
    """Train an autoencoder in the folder ``out``, yielding a report after each step.

    Args:
        config: All settings; saved in every checkpoint.
        train_tables: Crystals to train on.
        val_tables: Crystals to validate on, if any.
        out: The run folder.
        resume: Go on from the state in ``out``, if there is one.
        stop: Asked once per step; at true the run is saved and ends.
        machine: Where to train; by default what ``config.train`` says.
        provenance: Plain facts about the training crystals, such as their source and
            licence, to be saved in the weights as table ``data``.

    Raises:
        TrainingError: A crystal is too large for the networks, no crystal has one of
            the properties, ``out`` holds a run and ``resume`` is false, or a loss is
            not finite.
        CheckpointError: The state does not belong to this run, or a file cannot be
            written.
    """
    check_folder(out, resume=resume)  # before anything that takes time
    if config.model.critic_layers:
        raise TrainingError(
            f"[model] critic_layers: got {config.model.critic_layers}; expected 0: "
            "`crystalgen teach` adds a critic to finished weights"
        )
    for tables in (train_tables, val_tables):
        if tables is not None:
            check_sizes(tables[0], config.model)
    check_properties(train_tables[0], config.model)
    statistics = count_statistics(*train_tables, config.model.properties)

    def problem_of(tables: Tables) -> AutoencoderProblem:
        examples = label_examples(
            *tables,
            statistics.vocabulary,
            config.model.properties,
            with_atoms=config.model.relaxer_layers > 0,
            is_training=tables is train_tables,
        )
        return AutoencoderProblem(examples=examples, config=config.objective)

    describe = {
        "model": as_plain(config.model),
        "objective": as_plain(config.objective),
        "data": dict(provenance or {}),
    }
    problem = problem_of(train_tables)
    validation = problem_of(val_tables) if val_tables else None
    has_part = config.model.relaxer_layers > 0 and config.train.relaxer_steps > 0
    first, first_validation = problem, validation
    if has_part:
        first = without_relaxer(problem)
        first_validation = validation and without_relaxer(validation)
    with nullcontext(machine) if machine else start_machine(config.train) as here:
        for report in fit(
            initial_model(config, statistics),
            first,
            config.train,
            here,
            out=out,
            describe=describe,
            validation=first_validation,
            resume=resume,
            stop=stop,
        ):
            yield report
            if report.is_stopped:
                return
        if has_part:
            yield from train_relaxer(
                initial_model(config, statistics),
                problem,
                config.train,
                here,
                out=out,
                describe=describe,
                validation=validation,
                stop=stop,
            )


def initial_model(config: RunConfig, statistics: Statistics) -> CrystalAutoencoder:
    """Build the networks with random weights that depend on the seed only."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.train.seed)
        return CrystalAutoencoder(config.model, statistics)


def check_sizes(crystals: CrystalTable, config: ModelConfig) -> None:
    """Make sure that the networks can read every crystal.

    Raises:
        TrainingError: A crystal has too many orbits or elements.
    """
    offsets = crystals.orbit_offsets
    n_elements = [
        len(np.unique(crystals.species[start:stop]))
        for start, stop in pairwise(offsets)
    ]
    for sizes, limit, what, setting in (
        (np.diff(offsets), config.max_orbits, "orbits", "max_orbits"),
        (np.array(n_elements), config.max_roles, "elements", "max_roles"),
    ):
        if len(sizes) and sizes.max() > limit:
            name = crystals.identifiers[int(sizes.argmax())]
            raise TrainingError(
                f"crystal {name} has {sizes.max()} {what}, expected at most {limit}; "
                f"set [model] {setting} = {sizes.max()}"
            )


def check_properties(crystals: CrystalTable, config: ModelConfig) -> None:
    """Make sure that there is something to learn of every property.

    Raises:
        TrainingError: A property is in no column, or no crystal has it.
    """
    for name in config.properties:
        values = crystals.properties.get(name)
        if values is None or not np.isfinite(values).any():
            found = ", ".join(
                known
                for known, column in sorted(crystals.properties.items())
                if np.isfinite(column).any()
            )
            raise TrainingError(
                f"[model] properties: got {name!r}, which no training crystal has; "
                f"expected some of: {found or 'none, the data has no properties'}"
            )
