"""What an interrupted run has in its folder, and what it needs to go on."""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from crystalgen.cli.generation_run import RunPlan
from crystalgen.errors import ExportError
from crystalgen.export.run_folder import read_manifest, read_records

if TYPE_CHECKING:
    from crystalgen.generation.candidate import Progress


def interrupted_run(folder: Path, started: float) -> RunPlan:
    """The run in a folder, as it goes on.

    Args:
        folder: Of the run.
        started: When the program started, by ``time.monotonic``, in seconds.

    Raises:
        ExportError: The folder holds no run, or a damaged one.
    """
    manifest = read_manifest(folder)
    if manifest.status == "complete":
        return RunPlan(out=folder, manifest=manifest, started=started)
    try:
        records = tuple(read_records(folder))
    except FileNotFoundError:
        records = ()
    return RunPlan(
        out=folder,
        manifest=replace(manifest, status="running", reason=None, rejections={}),
        earlier=records,
        started=started - manifest.seconds,
    )


def progress_of(plan: RunPlan) -> "Progress | None":
    """Crystals and counts up to the last crystal; None if there is none.

    Raises:
        ExportError: The records do not say what became of every draw.
    """
    from crystalgen.generation.candidate import Progress, Tally

    if not plan.earlier:
        return None
    rejected: Counter[str] = Counter()
    for record in plan.earlier:
        rejected.update(record.rejected)
    n_crystals, n_drawn = len(plan.earlier), plan.earlier[-1].index + 1
    if n_drawn != n_crystals + rejected.total():
        raise ExportError(
            f"{plan.out}: its records do not say what became of every draw, so an "
            "earlier version wrote them; draw anew with --overwrite"
        )
    return Progress(
        crystals=tuple(record.crystal for record in plan.earlier),
        indices=tuple(record.index for record in plan.earlier),
        tally=Tally(
            drawn=n_drawn,
            valid=n_crystals + rejected["duplicate"],
            unique=n_crystals,
            rejected=rejected,
        ),
    )


def weights_of(plan: RunPlan) -> Path:
    """Name of the weights of a run, if they are inside the package.

    Raises:
        ExportError: They are not.
    """
    from crystalgen.generation.weights import packaged_weights

    name = plan.manifest.weights
    if name not in packaged_weights():
        raise ExportError(
            f"{plan.out}: was drawn with weights of your own, {name}; say where they "
            "are with --checkpoint"
        )
    return Path(name)


def check_weights(plan: RunPlan, sha256: str) -> None:
    """Refuse other weights than those that the run began with.

    Raises:
        ExportError: They are others.
    """
    wanted = plan.manifest.weights_sha256
    if sha256 != wanted:
        raise ExportError(
            f"{plan.out}: was drawn with weights {plan.manifest.weights} (SHA-256 "
            f"{wanted[:12]}), got SHA-256 {sha256[:12]}; give those with --checkpoint"
        )
