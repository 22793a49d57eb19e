"""Put trained weights into the package, in half precision.

crystalgen train examples/mp-20.toml
python scripts/ship_weights.py runs/mp-20/model.safetensors mp-20

Weights of a version that knew fewer usual geometries get those that are missing,
counted on the crystals that they were learnt from; what the networks learnt with is
kept:

python scripts/ship_weights.py OLD.safetensors mp-20 --counted-on train.safetensors

Critic and relaxer know nothing of the other networks, so that networks trained anew can
have those of weights that were taught, and be taught further:

python scripts/ship_weights.py NEW.safetensors mp-20 --parts-of TAUGHT.safetensors \
    --out BOTH.safetensors
"""

import argparse
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from crystalgen.config import as_plain
from crystalgen.datasets.cache import read_cache
from crystalgen.errors import CrystalgenError
from crystalgen.model.centres import CentreArrays, fit_centres
from crystalgen.model.checkpoint import (
    Checkpoint,
    load_checkpoint,
    save_checkpoint,
)
from crystalgen.model.families import find_kin, fit_families
from crystalgen.model.family_elements import fit_family_elements
from crystalgen.representation.prototype import count_prototypes
from crystalgen.representation.table import CrystalTable
from crystalgen.training.taught import ALL, CRITIC, RELAXER, with_critic

WEIGHTS = Path(__file__).parents[1] / "crystalgen" / "model" / "weights"
STATISTICS = "generative.statistics."


def main() -> None:
    """Convert one checkpoint."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("name", help="what the weights are called, e.g. mp-20")
    parser.add_argument(
        "--counted-on", type=Path, help="cache of the training crystals"
    )
    parser.add_argument(
        "--parts-of", type=Path, help="weights whose critic and relaxer are taken"
    )
    parser.add_argument(
        "--species-temperature", type=float, help="see [model] in docs/training.md"
    )
    parser.add_argument("--out", type=Path, help="a file, rather than in the package")
    arguments = parser.parse_args()
    trained = load_checkpoint(arguments.checkpoint)
    tensors: Mapping[str, Tensor] = trained.tensors
    if arguments.counted_on:
        tensors = with_geometries(tensors, read_cache(arguments.counted_on)[0])
    config = trained.config
    if arguments.parts_of:
        others = load_checkpoint(arguments.parts_of)
        tensors = {**tensors, **parts(others)}
        config = {**config, "model": as_plain(with_critic(trained))}
    if arguments.species_temperature:
        model = {
            **config["model"],
            "species_temperature": arguments.species_temperature,
        }
        config = {**config, "model": model}
    save_checkpoint(
        arguments.out or WEIGHTS / f"{arguments.name}.safetensors",
        tensors,
        config,
        metadata={**trained.metadata, "name": arguments.name},
        dtype=torch.float16,
    )


def parts(taught: Checkpoint) -> dict[str, Tensor]:
    """Tensors of critic and relaxer, in full precision.

    Raises:
        SystemExit: There is no critic or no relaxer.
    """
    prefixes = tuple(f"{ALL}{part}." for part in (CRITIC, RELAXER))
    for prefix in prefixes:
        if not any(name.startswith(prefix) for name in taught.tensors):
            raise SystemExit(
                f"--parts-of: {taught.name} has no {prefix}*; expected weights written"
                " by `crystalgen teach`"
            )
    return {
        name: tensor.float()
        for name, tensor in taught.tensors.items()
        if name.startswith(prefixes)
    }


def with_geometries(
    tensors: Mapping[str, Tensor], crystals: CrystalTable
) -> dict[str, Tensor]:
    """Add the centres that are missing, the further families and their elements.

    Args:
        tensors: Of a checkpoint.
        crystals: Those that it was trained on, in the same order.

    Raises:
        SystemExit: They have other prototypes.
    """
    vocabulary = count_prototypes(crystals)
    for name, array in vocabulary.arrays().items():
        before = tensors[f"{STATISTICS}prototype_{name}"].numpy()
        if before.shape != array.shape or (before != array).any():
            raise SystemExit(
                f"--counted-on: prototype_{name} of these {len(crystals)} crystals is"
                " not that of the weights; expected the cache that they were trained on"
            )
    counted = fit_centres(crystals, vocabulary)
    centres: dict[str, Tensor] = {}
    for name, array in counted._asdict().items():
        kept = tensors[f"{STATISTICS}centres.{name}"].float()
        centres[name] = torch.cat([kept, torch.from_numpy(array[len(kept) :])])
    known = CentreArrays(**{name: each.numpy() for name, each in centres.items()})
    kin = find_kin(crystals, vocabulary, known)
    further = {
        "families": fit_families(crystals, vocabulary, kin),
        "family_elements": fit_family_elements(crystals, kin),
    }
    return {
        **tensors,
        **{f"{STATISTICS}centres.{name}": each for name, each in centres.items()},
        **{
            f"{STATISTICS}{part}.{name}": torch.from_numpy(each)
            for part, arrays in further.items()
            for name, each in arrays._asdict().items()
        },
    }


if __name__ == "__main__":
    try:
        main()
    except CrystalgenError as error:
        raise SystemExit(f"error: {error}") from error
