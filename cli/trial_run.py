"""Runs of taught weights, by which they learn what runs of theirs lack."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import track

from crystalgen.datasets.pool import available_cores
from crystalgen.generation.request import Request
from crystalgen.generation.sampling import Sampling
from crystalgen.generation.weights import load_weights
from crystalgen.representation.table import CrystalTable
from crystalgen.training.critic_lessons import true_features
from crystalgen.training.taught import save_corrected

SEEDS = (2**31, 2**31 + 1)
"""Of the trials, one after the other: what is asked for the more is not always given.
No run that is judged later is likely to be one of them."""


def correct(path: Path, real: Sequence[CrystalTable], n: int, console: Console) -> str:
    """Draw some crystals, and have the weights ask for what is missing in them.

    Args:
        path: Weights with a critic that was told what real crystals are made of; a tiny
            part of them is replaced.
        real: The crystals that the weights were trained on.
        n: Crystals to draw each time.
        console: Gets a bar.

    Returns:
        The SHA-256 of the tensors.

    Raises:
        CrystalgenError: The file cannot be read or written.
    """
    wanted = true_features(real)
    for seed in SEEDS:
        drawn = _draw(path, n, seed, console)
        if len(drawn):
            save_corrected(path, drawn, wanted)
    return load_weights(path).sha256


def _draw(path: Path, n: int, seed: int, console: Console) -> CrystalTable:
    drawn = Sampling(
        weights=load_weights(path),
        request=Request(n=n),
        seed=seed,
        workers=available_cores(),
        checkpoint=path,
    )
    shown = track(drawn, "trial", total=n, console=console, transient=True)
    crystals = [each.crystal for each in shown]
    return CrystalTable.from_crystals(
        crystals, identifiers=[str(index) for index in range(len(crystals))]
    )
