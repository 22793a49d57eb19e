"""The relaxer alone, once all else is learnt.

The relaxer shares nothing with the other networks but what it starts from, and a step
that trains it alone costs a third of one that trains all. So a run may end in a part of
its own, in a folder inside that of the run: the same loop with the same rates, on what
the finished decoder takes crystals for. The relaxer is then not trained along before,
and the weights of the run are those of both parts.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Int
from torch import nn
from torch.nn.functional import one_hot

from crystalgen.config import as_plain
from crystalgen.errors import TrainingError
from crystalgen.model.autoencoder import CrystalAutoencoder, GenerativeNetworks
from crystalgen.model.batch import CrystalBatch, Geometry
from crystalgen.model.cell import N_FEATURES
from crystalgen.model.checkpoint import load_checkpoint, save_checkpoint
from crystalgen.model.decoder import most_likely
from crystalgen.model.embedding import N_SPECIES
from crystalgen.training.batches import batch_plan
from crystalgen.training.config import TrainConfig
from crystalgen.training.denoising import ALONE, denoising
from crystalgen.training.fit import Report, fit
from crystalgen.training.folder import MODEL
from crystalgen.training.machine import Machine
from crystalgen.training.objective import AutoencoderProblem, autoencoder_in
from crystalgen.training.problem import Losses

FOLDER = "relaxer"
"""Inside the run folder."""
PART = "relaxer"
NO_RELAXER = "no relaxer to train: set [model] relaxer_layers = 3"
_MARK = "relaxer_step"


@dataclass(frozen=True, slots=True, kw_only=True)
class RelaxerBatch:
    """Crystals, and what the finished decoder takes them for.

    Attributes:
        crystals: As they are.
        decoded: Their coordinates and cells as decoded, padded likewise.
    """

    crystals: CrystalBatch
    decoded: Geometry


@dataclass(frozen=True, slots=True, kw_only=True)
class RelaxerProblem:
    """Crystals and the loss of the relaxer on them.

    Attributes:
        of_all: The same crystals for all networks.
        decoded: What the decoder takes each of them for, padded; as it learns no more,
            that stays the same.
    """

    of_all: AutoencoderProblem
    decoded: Geometry

    @property
    def n_orbits(self) -> Int[np.ndarray, " crystals"]:
        """Orbits of each crystal."""
        return self.of_all.n_orbits

    @property
    def identifiers(self) -> Sequence[str]:
        """Names of the crystals."""
        return self.of_all.identifiers

    def collate(
        self, indices: Int[np.ndarray, " batch"], device: torch.device
    ) -> RelaxerBatch:
        """Put some crystals into one batch on a device."""
        crystals = self.of_all.collate(indices, device)
        rows = torch.from_numpy(indices)
        n_orbits = crystals.geometry.coords.shape[1]
        decoded = Geometry(
            coords=self.decoded.coords[rows, :n_orbits], cell=self.decoded.cell[rows]
        )
        return RelaxerBatch(crystals=crystals, decoded=decoded.to(device))

    def loss_of(
        self,
        model: nn.Module,
        batch: RelaxerBatch,
        *,
        progress: float,
        generator: torch.Generator,
    ) -> Losses:
        """Errors that the relaxer leaves; of noise and of the decoder without codes.

        Nothing is annealed: ``progress`` does not matter.
        """
        relaxer, atoms = autoencoder_in(model).generative.relaxer, batch.crystals.atoms
        if relaxer is None or atoms is None:
            raise TrainingError(NO_RELAXER)
        found = denoising(
            relaxer, atoms, batch.crystals, batch.decoded, generator, ALONE
        )
        return Losses(
            total=self.of_all.config.relaxation_weight * found.loss,
            n_crystals=len(batch.crystals),
            parts=found.parts,
        )


@torch.no_grad()
def relaxer_problem(
    networks: GenerativeNetworks,
    of_all: AutoencoderProblem,
    *,
    orbits_per_batch: int,
    device: torch.device,
) -> RelaxerProblem:
    """Decode all crystals, about 2,000 each second on a CPU.

    Args:
        networks: With a relaxer, and a decoder that learns no more.
        of_all: The crystals.
        orbits_per_batch: How many are decoded at once.
        device: Where the networks are.

    Raises:
        TrainingError: There is no relaxer.
    """
    if networks.relaxer is None:
        raise TrainingError(NO_RELAXER)
    n_orbits = of_all.n_orbits
    coords = torch.zeros(len(n_orbits), int(n_orbits.max()), 3)
    cell = torch.zeros(len(n_orbits), N_FEATURES)
    plan = batch_plan(n_orbits, orbits_per_batch=orbits_per_batch, epoch=0, seed=0)
    for indices in plan:
        decoded = _most_likely(networks, of_all.collate(indices, device))
        rows = torch.from_numpy(indices)
        coords[rows, : decoded.coords.shape[1]] = decoded.coords.cpu()
        cell[rows] = decoded.cell.cpu()
    return RelaxerProblem(of_all=of_all, decoded=Geometry(coords=coords, cell=cell))


def without_relaxer(problem: AutoencoderProblem) -> AutoencoderProblem:
    """The same crystals without their atoms, of which the relaxer alone learns."""
    return replace(problem, examples=replace(problem.examples, atoms=None))


def train_relaxer(
    model: CrystalAutoencoder,
    problem: AutoencoderProblem,
    config: TrainConfig,
    machine: Machine,
    *,
    out: Path,
    describe: Mapping[str, Any],
    validation: AutoencoderProblem | None,
    stop: Callable[[], object],
) -> Iterator[Report]:
    """Train the relaxer of a finished run further, or go on with that.

    Args:
        model: Of the run; its weights are overwritten by those in the folder.
        problem: The training crystals.
        config: How the run was trained, with the number of steps for this.
        machine: Where to train.
        out: The run folder.
        describe: Plain settings from which the model can be built again.
        validation: Crystals that are not trained on.
        stop: Asked once per step; at true the run is saved and ends.

    Raises:
        TrainingError: A loss is not finite, or there is no relaxer.
        CheckpointError: The state does not belong to this run, or a file cannot be
            written.
    """
    whole = load_checkpoint(out / MODEL)
    if whole.metadata.get(_MARK) == str(config.relaxer_steps):
        return
    model.load_state_dict(whole.tensors, strict=False)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(".relaxer." in name)
    model.to(machine.device)

    def of_relaxer(of_all: AutoencoderProblem) -> RelaxerProblem:
        return relaxer_problem(
            model.generative,
            of_all,
            orbits_per_batch=config.orbits_per_batch,
            device=machine.device,
        )

    reports = fit(
        model,
        of_relaxer(problem),
        replace(config, steps=config.relaxer_steps, max_minutes=0.0),
        machine,
        out=out / FOLDER,
        describe=describe,
        validation=of_relaxer(validation) if validation else None,
        resume=True,
        stop=stop,
    )
    for report in reports:
        yield replace(report, part=PART)
        if report.is_stopped:
            return
    if machine.is_first and _MARK not in whole.metadata:
        found = load_checkpoint(out / FOLDER / MODEL)
        save_checkpoint(
            out / MODEL,
            found.tensors,
            {**found.config, "train": as_plain(config)},
            metadata={**whole.metadata, _MARK: found.metadata["step"]},
        )
    machine.wait()


def _most_likely(networks: GenerativeNetworks, batch: CrystalBatch) -> Geometry:
    """What the decoder takes crystals for that it is shown no geometry codes of."""
    templates, n_codes = batch.templates, networks.config.geometry_codes
    n_crystals, n_orbits = templates.position.shape
    zeros = batch.geometry.cell.new_zeros
    prediction = networks.decode_geometry(
        templates,
        one_hot(batch.species, N_SPECIES).to(batch.geometry.cell.dtype),
        zeros(n_crystals, n_orbits, *n_codes),
        zeros(n_crystals, *n_codes),
        torch.zeros_like(templates.space_group, dtype=torch.bool),
    )
    return most_likely(prediction, networks.geometry_decoder.free_coords(templates))
