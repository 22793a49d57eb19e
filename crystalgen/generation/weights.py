"""Trained weights and the networks they fill."""

from dataclasses import dataclass
from functools import cached_property
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from crystalgen.config import build
from crystalgen.errors import CheckpointError, RequestError
from crystalgen.generation.contacts import distance_limits, without_bonds_of_anions
from crystalgen.model.autoencoder import CrystalAutoencoder, GenerativeNetworks
from crystalgen.model.checkpoint import (
    Checkpoint,
    load_checkpoint,
    tensors_under,
)
from crystalgen.model.collate import to_templates
from crystalgen.model.conditioned_draws import Meanings, code_meanings
from crystalgen.model.config import ModelConfig
from crystalgen.model.statistics import Statistics
from crystalgen.representation.crystal import SymmetricCrystal
from crystalgen.representation.membership import SeenLabels
from crystalgen.representation.neutrality import is_neutral
from crystalgen.representation.prototype import Prototype, PrototypeVocabulary

DEFAULT_WEIGHTS = "mp-20"
"""Name of the weights that are used unless others are asked for."""
_SIMPLEST = (
    Prototype(space_group=225, wyckoff=(0,), roles=(0,)),
    Prototype(space_group=194, wyckoff=(2,), roles=(0,)),
)
_FOLDER = files("crystalgen.model") / "weights"
_GENERATIVE = "generative."
_STATISTICS = "generative.statistics."


@dataclass(frozen=True, kw_only=True)
class Weights:
    """Networks with trained weights.

    Attributes:
        name: What the weights are called.
        sha256: Of the tensor bytes in the checkpoint.
        networks: Codebooks, decoders and priors, in evaluation mode.
        device: Where they are.
        tensors: All tensors of the checkpoint, for the encoder.
    """

    name: str
    sha256: str
    networks: GenerativeNetworks
    device: torch.device
    tensors: dict[str, Tensor]

    @property
    def config(self) -> ModelConfig:
        """Shape of the networks."""
        return self.networks.config

    @cached_property
    def vocabulary(self) -> PrototypeVocabulary:
        """Known prototypes."""
        return self.networks.statistics.vocabulary

    @cached_property
    def known(self) -> SeenLabels:
        """Protostructures of the training data, to be asked for."""
        return self.networks.statistics.known

    @cached_property
    def has_one_element(self) -> bool:
        """Whether the training crystals are made of one element.

        They then differ in their geometry alone.
        """
        return int((self.networks.statistics.species_count > 0).sum()) == 1

    @cached_property
    def distance_limits(self) -> Float[np.ndarray, "species species"]:
        """Smallest distance in Å that each pair of elements may have."""
        return distance_limits(self.networks.statistics.shortest.cpu().numpy())

    @cached_property
    def _limits_of_balanced(self) -> Float[np.ndarray, "species species"]:
        return without_bonds_of_anions(self.distance_limits)

    def limits_of(
        self, crystal: SymmetricCrystal
    ) -> Float[np.ndarray, "species species"]:
        """Smallest distances in Å that a drawn crystal of this composition may have."""
        counts = crystal.composition
        if len(counts) > 1 and is_neutral(tuple(counts), tuple(counts.values())):
            return self._limits_of_balanced
        return self.distance_limits

    @cached_property
    def code_meanings(self) -> Meanings | None:
        """Which element each pair of species codes means; None if codes are no pairs.

        Read off templates of one orbit; what the codes mean hardly depends on them.
        """
        if self.config.species_codes[0] != 2:
            return None
        simplest = to_templates(_SIMPLEST, self.vocabulary).to(self.device)
        with torch.inference_mode():
            return code_meanings(self.networks, simplest)

    @cached_property
    def autoencoder(self) -> CrystalAutoencoder:
        """The whole autoencoder; loads torch-geometric, which generation does not."""
        whole = CrystalAutoencoder(self.config, self.networks.statistics)
        whole.load_state_dict(self.tensors)
        return whole.to(self.device).eval()


def load_weights(path: Path | None, *, device: str = "cpu") -> Weights:
    """Load a checkpoint, or weights inside the package.

    Args:
        path: A checkpoint written by `crystalgen train`, or the name of weights inside
            the package, see `packaged_weights`; None for the default ones.
        device: "cpu", "cuda", "mps" or "auto".

    Raises:
        CheckpointError: The file is missing, damaged, or holds another model.
        RequestError: There is no such device here.
    """
    name = DEFAULT_WEIGHTS if path is None else str(path)
    return _fill(read_weights(path), where=name, device=device)


def read_weights(path: Path | None) -> Checkpoint:
    """Read a checkpoint, or weights inside the package, without building networks.

    Args:
        path: As for `load_weights`.

    Raises:
        CheckpointError: The file is missing or damaged.
    """
    name = DEFAULT_WEIGHTS if path is None else str(path)
    if path is not None and (path.exists() or name not in packaged_weights()):
        return _from_file(path)
    with as_file(_FOLDER / f"{name}.safetensors") as file:
        return load_checkpoint(file)


def packaged_weights() -> tuple[str, ...]:
    """Names of the weights inside the package.

    >>> "mp-20" in packaged_weights()
    True
    """
    names = (entry.name for entry in _FOLDER.iterdir())
    return tuple(
        sorted(
            name.removesuffix(".safetensors")
            for name in names
            if name.endswith(".safetensors")
        )
    )


def _from_file(path: Path) -> Checkpoint:
    try:
        return load_checkpoint(path)
    except CheckpointError as error:
        if path.exists():
            raise
        names = ", ".join(packaged_weights())
        raise CheckpointError(f"{error}, or one of those inside: {names}") from error


def _fill(checkpoint: Checkpoint, *, where: str, device: str) -> Weights:
    try:
        # weights older than relaxers have none
        settings = {"relaxer_layers": 0, **checkpoint.config["model"]}
        config = build(ModelConfig, settings, where=f"{where} [model]")
        statistics = Statistics.from_tensors(
            tensors_under(checkpoint.tensors, _STATISTICS)
        )
        networks = GenerativeNetworks(config, statistics)
        networks.load_state_dict(tensors_under(checkpoint.tensors, _GENERATIVE))
    except (KeyError, RuntimeError) as error:
        raise CheckpointError(
            f"{where}: its tensors do not fit this version's networks ({error}); "
            "train again, or install the version that wrote it"
        ) from error
    place = _device(device)
    return Weights(
        name=checkpoint.name,
        sha256=checkpoint.sha256,
        networks=networks.to(place).eval(),
        device=place,
        tensors=checkpoint.tensors,
    )


def _device(name: str) -> torch.device:
    counts = {
        "cuda": torch.cuda.device_count(),
        "mps": int(torch.backends.mps.is_available()),
        "cpu": 1,
    }
    if name == "auto":
        return torch.device(next(kind for kind, count in counts.items() if count))
    kind, _, number = name.partition(":")
    if kind not in counts or not (number or "0").isdecimal():
        raise RequestError(
            f"device: got {name!r}; expected auto, cpu, cuda, cuda:1 or mps"
        )
    if int(number or 0) >= counts[kind]:
        raise RequestError(
            f"device: got {name!r}, but PyTorch {torch.__version__} finds "
            f"{counts[kind]} of that kind here; choose 'auto' or 'cpu'"
        )
    return torch.device(name)
