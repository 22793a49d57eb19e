"""One line of JSON for every few steps, and TensorBoard where wanted."""

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from crystalgen.errors import ConfigError, TrainingError

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricsLog:
    """Where the metrics of a run go."""

    path: Path | None
    """``metrics.jsonl``: one flat object per line, each with a ``step``. None where
    another process writes."""
    board: "SummaryWriter | None" = None
    """TensorBoard's files, if asked for."""

    def append(self, values: Mapping[str, int | float]) -> None:
        """Append one line and flush it.

        Raises:
            TrainingError: The line cannot be written.
        """
        if self.path is None:
            return
        try:
            with self.path.open("a") as file:
                file.write(json.dumps(dict(values)) + "\n")
        except OSError as error:
            raise TrainingError(
                f"{self.path}: cannot be written: {error.strerror}; "
                "the last checkpoint is whole: free the folder and resume"
            ) from error
        if self.board is not None:
            step = int(values["step"])
            for name, value in values.items():
                if name != "step":
                    self.board.add_scalar(name, value, step)


@contextmanager
def open_metrics(
    folder: Path, *, step: int, is_first: bool = True, tensorboard: bool = False
) -> Iterator[MetricsLog]:
    """Open the metrics of a run folder for appending after ``step``.

    Lines after ``step``, which an interrupted session wrote after its last
    checkpoint, are dropped, and so is a torn last line.

    Args:
        folder: Of the run; it exists.
        step: From which the run goes on.
        is_first: Whether this process writes; the others drop all.
        tensorboard: Also write to ``tensorboard/`` in the folder.

    Raises:
        ConfigError: TensorBoard is asked for and not installed.
    """
    if not is_first:
        yield MetricsLog(path=None)
        return
    path = folder / "metrics.jsonl"
    if path.exists():
        kept = [line for line in read_metrics(path) if line["step"] <= step]
        path.write_text("".join(json.dumps(line) + "\n" for line in kept))
    board = open_board(folder / "tensorboard", purge_step=step) if tensorboard else None
    try:
        yield MetricsLog(path=path, board=board)
    finally:
        if board is not None:
            board.close()


def open_board(folder: Path, *, purge_step: int) -> "SummaryWriter":
    """Open TensorBoard's files, dropping what they have after ``purge_step``.

    Raises:
        ConfigError: TensorBoard is not installed.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise ConfigError(
            "[train] tensorboard = true, but TensorBoard is not installed; run "
            "`pip install tensorboard`, or leave the setting out: the metrics are in "
            "metrics.jsonl anyway"
        ) from error
    return SummaryWriter(folder, purge_step=purge_step + 1)


def read_metrics(path: Path) -> list[dict[str, int | float]]:
    """Read the lines of a ``metrics.jsonl``, without a torn last one.

    Raises:
        TrainingError: The file cannot be read.
    """
    try:
        lines = path.read_text().splitlines()
    except OSError as error:
        raise TrainingError(f"{path}: cannot be read: {error.strerror}") from error
    values = []
    for number, line in enumerate(lines, start=1):
        try:
            values.append(json.loads(line))
        except ValueError:
            log.warning("%s: line %d is torn; ignored", path, number)
    return values
