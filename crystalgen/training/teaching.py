"""Teach finished weights from what was computed for crystals that they drew.

Energies teach the critic which compositions are good, relaxed crystals the relaxer
where atoms come to rest. Either is a part of its own, in a folder inside that of the
run, and resumes there; no other network changes.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

import numpy as np
import torch

from crystalgen.config import as_plain
from crystalgen.errors import TrainingError
from crystalgen.graphs.table import GraphTable
from crystalgen.model.autoencoder import CrystalAutoencoder
from crystalgen.model.checkpoint import (
    Checkpoint,
    tensors_under,
)
from crystalgen.model.collate import Examples, label_examples
from crystalgen.model.critic import Critic
from crystalgen.model.statistics import Statistics
from crystalgen.representation.prototype import (
    PrototypeVocabulary,
    prototypes_of,
)
from crystalgen.representation.table import CrystalTable
from crystalgen.training.config import TrainConfig
from crystalgen.training.critic_lessons import lessons_of
from crystalgen.training.fit import Report, fit
from crystalgen.training.loop import never
from crystalgen.training.machine import Machine
from crystalgen.training.objective import AutoencoderProblem, ObjectiveConfig
from crystalgen.training.relaxing import NO_RELAXER, relaxer_problem
from crystalgen.training.run import check_sizes
from crystalgen.training.taught import (
    ALL,
    CRITIC,
    RELAXER,
    model_settings,
    with_critic,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """Crystals to learn from.

    Attributes:
        drawn: Those that weights drew.
        held_out: Others that they drew, to validate on.
        real: Real ones.
    """

    drawn: CrystalTable
    held_out: CrystalTable
    real: Sequence[CrystalTable] = ()

    @property
    def tables(self) -> tuple[CrystalTable, ...]:
        """All of them."""
        return self.drawn, *self.real, self.held_out


def teach_critic(
    checkpoint: Checkpoint,
    lesson: Lesson,
    config: TrainConfig,
    machine: Machine,
    *,
    out: Path,
    stop: Callable[[], object] = never,
) -> Iterator[Report]:
    """Train a critic for some weights, or that which they have, or go on with that.

    Args:
        checkpoint: The weights.
        lesson: Crystals that they drew, and real ones, with some of
            `crystalgen.model.critic.TARGETS` as properties.
        config: How to train.
        machine: Where to train.
        out: The run folder.
        stop: Asked once per step; at true the run is saved and ends.

    Raises:
        TrainingError: A crystal is too large, or a loss is not finite.
        CheckpointError: The state does not belong to this run, or a file cannot be
            written.
    """
    model = with_critic(checkpoint)
    for table in lesson.tables:
        check_sizes(table, model)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        critic = Critic(model)
    if known := tensors_under(checkpoint.tensors, f"{ALL}{CRITIC}."):
        critic.load_state_dict(known)
    for report in fit(
        critic,
        lessons_of([lesson.drawn, *lesson.real]),
        config,
        machine,
        out=out / CRITIC,
        describe={"model": as_plain(model)},
        validation=lessons_of([lesson.held_out]),
        resume=True,
        stop=stop,
    ):
        yield replace(report, part=CRITIC)


def teach_relaxer(
    checkpoint: Checkpoint,
    lesson: Lesson,
    config: TrainConfig,
    machine: Machine,
    *,
    out: Path,
    stop: Callable[[], object] = never,
) -> Iterator[Report]:
    """Train the relaxer of some weights further, or go on with that.

    Args:
        checkpoint: The weights.
        lesson: Crystals that they drew, brought to rest, and those that the weights
            were trained on.
        config: How to train.
        machine: Where to train.
        out: The run folder.
        stop: Asked once per step; at true the run is saved and ends.

    Raises:
        TrainingError: The weights have no relaxer, a crystal is too large, or a loss is
            not finite.
        CheckpointError: The state does not belong to this run, or a file cannot be
            written.
    """
    settings = model_settings(checkpoint)
    if not settings.relaxer_layers:
        raise TrainingError(f"{checkpoint.name}: {NO_RELAXER}")
    for table in lesson.tables:
        check_sizes(table, settings)
    statistics = Statistics.from_tensors(
        tensors_under(checkpoint.tensors, f"{ALL}statistics.")
    )
    model = CrystalAutoencoder(settings, statistics)
    model.load_state_dict(checkpoint.tensors)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(f".{RELAXER}." in name)
    model.to(machine.device)
    problem, validation = (
        relaxer_problem(
            model.generative,
            AutoencoderProblem(examples=examples, config=ObjectiveConfig()),
            orbits_per_batch=config.orbits_per_batch,
            device=machine.device,
        )
        for examples in (
            examples_of(lesson.drawn, lesson.real, statistics.vocabulary),
            examples_of(lesson.held_out, (), statistics.vocabulary),
        )
    )
    for report in fit(
        model,
        problem,
        config,
        machine,
        out=out / RELAXER,
        describe={"model": as_plain(settings)},
        validation=validation,
        resume=True,
        stop=stop,
    ):
        yield replace(report, part=RELAXER)


def examples_of(
    relaxed: CrystalTable,
    real: Sequence[CrystalTable],
    vocabulary: PrototypeVocabulary,
) -> Examples:
    """Crystals as the relaxer learns from them; it needs no graphs.

    Args:
        relaxed: Known by what a trained model knows them by.
        real: Known by what they were learnt by, see
            `PrototypeVocabulary.training_label`.
        vocabulary: Prototypes of the weights.
    """
    tables = [relaxed, *real]
    crystals = CrystalTable.from_crystals(
        (table.crystal(row) for table in tables for row in range(len(table))),
        identifiers=chain.from_iterable(table.identifiers for table in tables),
    )
    nothing = np.zeros(0, dtype=np.uint8)
    graphs = GraphTable(
        edge_offsets=np.zeros(len(crystals) + 1, dtype=np.int64),
        source=nothing,
        target=nothing,
        length=np.zeros(0, dtype=np.float32),
    )
    every = label_examples(crystals, graphs, vocabulary, with_atoms=True)
    learnt = [
        vocabulary.training_label(each)
        for table in real
        for each in prototypes_of(table)
    ]
    labels = np.array(learnt, dtype=np.int64).reshape(-1, 2)
    n = len(relaxed)
    return replace(
        every,
        prototype=np.concatenate([every.prototype[:n], labels[:, 0]]),
        centre=np.concatenate([every.centre[:n], labels[:, 1]]),
    )
