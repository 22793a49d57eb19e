"""Our own crystals: those of `crystalgen generate`, and the draws without checks."""

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from rich.console import Console

from crystalgen.cli.crystal_files import Item, open_crystals
from crystalgen.datasets.entry import Unreadable
from crystalgen.errors import GeometryError
from crystalgen.export.run_folder import read_manifest
from peers.made import Made, bare_item, children_cpu_s, make

COMMAND = "from crystalgen.cli.app import app; app()"
TIMEOUT_S = 300.0
"""For a block of draws, the load of the weights included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Draws that are computed together."""

    first: int
    stop: int
    seed: int
    checkpoint: Path | None


def generated(folder: Path, n: int, *, seed: int, checkpoint: Path | None) -> Made:
    """What `crystalgen generate` writes with its default settings.

    Args:
        folder: Where the run goes; it must not exist.
        n: Crystals to ask for.
        seed: Of the run.
        checkpoint: Weights; None for those inside the package.
    """
    arguments = ["generate", "--n", n, "--seed", seed, "--out", folder, "--workers", 1]
    arguments += ["--json", "--device", "cpu"]
    arguments += ["--checkpoint", checkpoint] if checkpoint else []
    before = children_cpu_s()
    done = subprocess.run(
        [sys.executable, "-c", COMMAND, *map(str, arguments)],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise SystemExit(f"crystalgen generate failed: {done.stderr.strip()}")
    # without its record, the judge has only the CIF
    items = open_crystals(str(folder)).items
    reason = read_manifest(folder).reason
    return Made(
        name="crystalgen",
        note="`crystalgen generate` with its default settings, CIFs read back",
        asked=n,
        items=tuple(replace(each, crystal=None) for each in items),
        failures={reason: n - len(items)} if reason else {},
        cpu_s=children_cpu_s() - before,
    )


def unchecked(
    n: int, *, seed: int, checkpoint: Path | None, n_workers: int, console: Console
) -> Made:
    """The first draw of the networks, whatever comes of it."""
    # imported here: processes of the other recipes would pay for torch
    from crystalgen.generation.block_sizes import DRAWS_PER_BLOCK

    blocks = [
        Block(
            first=first,
            stop=min(first + DRAWS_PER_BLOCK, n),
            seed=seed,
            checkpoint=checkpoint,
        )
        for first in range(0, n, DRAWS_PER_BLOCK)
    ]
    return make(
        draw,
        blocks,
        name="crystalgen, unchecked",
        note="the same networks, each draw made once and taken as it is: no check, no"
        " redraw, known crystals and duplicates kept",
        asked=n,
        timeout_s=TIMEOUT_S,
        n_workers=n_workers,
        console=console,
    )


def draw(block: Block) -> Sequence[Item]:
    """All draws of a block; one without a geometry cannot be read by the judge."""
    import torch

    from crystalgen.generation.drawing import draw_block
    from crystalgen.generation.request import Request
    from crystalgen.generation.templates import TemplateSource

    torch.set_num_threads(1)  # small matrices: a second thread gains nothing
    weights = _weights(block.checkpoint)
    source = TemplateSource(weights=weights, request=Request(n=1))
    templates = source.draw(block.seed, np.arange(block.first, block.stop))
    outcomes = draw_block(
        weights,
        templates,
        seed=block.seed,
        temperature=1.0,
        rounds=1,
        allow_known=True,
    )
    items = []
    for index, outcome in enumerate(outcomes, start=block.first):
        name = f"unchecked-{index:05d}"
        try:
            if outcome.candidate is None:
                raise GeometryError("no geometry")
            item = bare_item(
                name,
                outcome.candidate.structure,
                asked_group=outcome.candidate.space_group,
            )
        except GeometryError as error:
            item = Item(identifier=name, payload=Unreadable(reason=str(error)))
        items.append(item)
    return items


@lru_cache(maxsize=1)
def _weights(checkpoint: Path | None):  # noqa: ANN202 - its type needs torch
    from crystalgen.generation.weights import load_weights

    return load_weights(checkpoint, device="cpu")
