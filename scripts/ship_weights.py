"""Put trained weights into the package, in half precision.

crystalgen train examples/mp-20.toml
python scripts/ship_weights.py runs/mp-20/model.safetensors mp-20
"""

import argparse
from pathlib import Path

import torch

from crystalgen.model.checkpoint import load_checkpoint, save_checkpoint

WEIGHTS = Path(__file__).parents[1] / "crystalgen" / "model" / "weights"


def main() -> None:
    """Convert one checkpoint."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("name", help="what the weights are called, e.g. mp-20")
    arguments = parser.parse_args()
    trained = load_checkpoint(arguments.checkpoint)
    save_checkpoint(
        WEIGHTS / f"{arguments.name}.safetensors",
        trained.tensors,
        trained.config,
        metadata={**trained.metadata, "name": arguments.name},
        dtype=torch.float16,
    )


if __name__ == "__main__":
    main()
