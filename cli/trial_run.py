"""A run of taught weights, by which they learn what runs of theirs lack."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import track

from crystalgen.datasets.pool import available_cores
from crystalgen.generation.request import Request
from crystalgen.generation.sampling import Sampling
from crystalgen.generation.weights import load_weights
from crystalgen.representation.table import CrystalTable
from crystalgen.training.taught import save_corrected

SEED = 2**31
"""Of the trial, so that no run that is judged later is likely to be it."""


def correct(path: Path, real: Sequence[CrystalTable], n: int, console: Console) -> str:
    """Draw some crystals, and have the weights ask for what is missing in them.

    Args:
        path: Weights with a critic that was told what real crystals are made of; a tiny
            part of them is replaced.
        real: The crystals that the weights were trained on.
        n: Crystals to draw.
        console: Gets a bar.

    Returns:
        The SHA-256 of the tensors.

    Raises:
        CrystalgenError: The file cannot be read or written.
    """
    weights = load_weights(path)
    drawn = Sampling(
        weights=weights,
        request=Request(n=n),
        seed=SEED,
        workers=available_cores(),
        checkpoint=path,
    )
    shown = track(drawn, "trial", total=n, console=console, transient=True)
    found = [each.crystal for each in shown]
    if not found:
        return weights.sha256
    names = [str(index) for index in range(len(found))]
    table = CrystalTable.from_crystals(found, identifiers=names)
    return save_corrected(path, table, real)
