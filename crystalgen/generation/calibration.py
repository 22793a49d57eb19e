"""Calibrate what weights predict on crystals that they were not trained on."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float, Float64
from torch import Tensor

from crystalgen.errors import DatasetError, RequestError
from crystalgen.generation.prediction import check_predicts, distributions
from crystalgen.generation.weights import Weights
from crystalgen.graphs.table import GraphTable
from crystalgen.model.calibration import N_CLASSES, CalibrationArrays, fit_calibration
from crystalgen.model.checkpoint import load_checkpoint, save_checkpoint
from crystalgen.model.collate import label_examples
from crystalgen.model.stability import fit_stability
from crystalgen.representation.table import CrystalTable

FEWEST = 40 * N_CLASSES
"""Labels of a property from which on each class has errors beyond both ends of a 95 %
interval."""
FEWEST_OF_A_KIND = 20
"""Stable crystals, and others, without which probabilities are not to be told."""
_PREFIX = "generative.statistics.calibration."
_CRITIC = "generative.critic."
_STABILITY = f"{_CRITIC}stability"


def judged_labels(
    weights: Weights, crystals: CrystalTable, graphs: GraphTable
) -> tuple[
    Float[Tensor, "crystals properties"],
    Float[Tensor, "crystals properties"],
    Float[Tensor, "crystals properties"],
]:
    """Predicted locations and scales, and the labels, all standardised.

    Args:
        weights: Trained with properties.
        crystals: With columns of these properties, or some of them.
        graphs: Their graphs.

    Raises:
        RequestError: The weights know no properties.
    """
    scales = check_predicts(weights)
    names = weights.config.properties
    examples = label_examples(crystals, graphs, weights.vocabulary, names)
    location, scale = distributions(weights, examples)
    raw = torch.from_numpy(examples.properties).to(weights.device)
    return location, scale, scales.standardise(raw).cpu()


def calibrate(
    weights: Weights, crystals: CrystalTable, graphs: GraphTable
) -> CalibrationArrays:
    """Measure how far predictions are off.

    Args:
        weights: Trained with properties.
        crystals: Not among those that were trained on.
        graphs: Their graphs.

    Raises:
        RequestError: The weights know no properties.
        DatasetError: Too few crystals have one of the properties.
    """
    location, scale, labels = judged_labels(weights, crystals, graphs)
    for column, name in enumerate(weights.config.properties):
        n_known = int((~labels[:, column].isnan()).sum())
        if n_known < FEWEST:
            raise DatasetError(
                f"{name}: {n_known} crystals to calibrate on have it; expected at "
                f"least {FEWEST}"
            )
    return fit_calibration(location, scale, labels)


def save_calibrated(path: Path, arrays: CalibrationArrays, out: Path) -> str:
    """Write weights once more, with a calibration; returns the SHA-256.

    Args:
        path: The weights.
        arrays: Of all properties.
        out: Where to; may be the same file.

    Raises:
        CheckpointError: The weights cannot be read, or not be written.
    """
    tensors = {
        f"{_PREFIX}{name}": torch.from_numpy(np.ascontiguousarray(array))
        for name, array in arrays._asdict().items()
    }
    return _save_with(path, tensors, out)


def calibrate_stability(
    above_hull: Float64[np.ndarray, " crystals"],
    unrest: Float64[np.ndarray, " crystals"],
    is_stable: Bool[np.ndarray, " crystals"],
) -> Float64[np.ndarray, " coefficients"]:
    """Learn how likely crystals are stable from some whose energies were computed.

    Args:
        above_hull: What was expected of each, eV/atom.
        unrest: Å.
        is_stable: Whether each crystal is.

    Raises:
        DatasetError: Too few are, or are not.
    """
    n_stable = int(is_stable.sum())
    if min(n_stable, len(is_stable) - n_stable) < FEWEST_OF_A_KIND:
        raise DatasetError(
            f"{n_stable} of {len(is_stable)} crystals are stable; expected at least "
            f"{FEWEST_OF_A_KIND} that are and {FEWEST_OF_A_KIND} that are not"
        )
    return fit_stability(above_hull, unrest, is_stable)


def save_stability(
    path: Path, coefficients: Float64[np.ndarray, " coefficients"], out: Path
) -> str:
    """Write weights once more, able to tell stability; returns the SHA-256.

    Args:
        path: The weights.
        coefficients: See `crystalgen.model.stability`.
        out: Where to; may be the same file.

    Raises:
        CheckpointError: The weights cannot be read, or not be written.
        RequestError: They have no critic.
    """
    if not any(name.startswith(_CRITIC) for name in load_checkpoint(path).tensors):
        raise RequestError(
            f"{path}: has no critic that tells energies; expected weights written by"
            " crystalgen teach"
        )
    tensors = {_STABILITY: torch.from_numpy(coefficients).float()}
    return _save_with(path, tensors, out)


def _save_with(path: Path, tensors: Mapping[str, Tensor], out: Path) -> str:
    found = load_checkpoint(path)
    metadata = {**found.metadata, "name": found.name if out == path else out.stem}
    return save_checkpoint(
        out, {**found.tensors, **tensors}, found.config, metadata=metadata
    )
