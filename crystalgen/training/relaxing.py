"""The relaxer alone, once all else is learnt.

Its loss falls for longer than that of the other networks, and without them a step costs
a third. So a run may end in a part of its own, in a folder inside that of the run: the
same loop with the same rates, on what the finished decoder takes crystals for. The
weights of the run are then those of both parts.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn.functional import one_hot

from crystalgen.config import as_plain
from crystalgen.errors import TrainingError
from crystalgen.model.autoencoder import CrystalAutoencoder, GenerativeNetworks
from crystalgen.model.batch import CrystalBatch, Geometry
from crystalgen.model.checkpoint import load_checkpoint, save_checkpoint
from crystalgen.model.decoder import most_likely
from crystalgen.model.embedding import N_SPECIES
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
_MARK = "relaxer_step"


@dataclass(frozen=True, slots=True, kw_only=True)
class RelaxerProblem(AutoencoderProblem):
    """Crystals and the loss of the relaxer on them."""

    def loss_of(
        self,
        model: nn.Module,
        batch: CrystalBatch,
        *,
        progress: float,
        generator: torch.Generator,
    ) -> Losses:
        """Errors that the relaxer leaves; of noise and of the decoder without codes."""
        networks = autoencoder_in(model).generative
        relaxer, atoms = networks.relaxer, batch.atoms
        if relaxer is None or atoms is None:
            raise TrainingError("no relaxer to train: set [model] relaxer_layers = 3")
        with torch.no_grad():
            decoded = _most_likely(networks, batch)
        found = denoising(relaxer, atoms, batch, decoded, generator, ALONE)
        return Losses(
            total=self.config.relaxation_weight * found.loss,
            n_crystals=len(batch.species),
            parts=found.parts,
        )


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
        TrainingError: A loss is not finite.
        CheckpointError: The state does not belong to this run, or a file cannot be
            written.
    """
    whole = load_checkpoint(out / MODEL)
    model.load_state_dict(whole.tensors, strict=False)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(".relaxer." in name)

    def of_relaxer(of_all: AutoencoderProblem) -> RelaxerProblem:
        return RelaxerProblem(examples=of_all.examples, config=of_all.config)

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
