"""Fetch one file of the catalogue over the network."""

import http.client
import os
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from crystalgen.errors import DatasetError

_BLOCK = 1 << 18
_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a download is, in bytes."""

    done: int
    total: int | None
    """None where the server does not say."""


def download_folder() -> Path:
    """Where downloaded files are kept, by the XDG base directory standard."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "crystalgen"


def download(url: str, path: Path) -> Iterator[Progress]:
    """Fetch a file, yielding as it comes; it is whole or not there.

    Raises:
        DatasetError: No network, no such address, a cut-off answer, or no space.
    """
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with (
            urllib.request.urlopen(url, timeout=_TIMEOUT_S) as answer,
            tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file,
        ):
            temporary = Path(file.name)
            length = answer.headers.get("Content-Length")
            total = int(length) if length else None
            done = 0
            while block := answer.read(_BLOCK):
                file.write(block)
                done += len(block)
                yield Progress(done=done, total=total)
            if total is not None and done != total:
                raise _failed(url, f"{done} of {total} bytes came")
        temporary.replace(path)
        temporary = None
    except (urllib.error.URLError, http.client.HTTPException, TimeoutError) as error:
        raise _failed(url, str(getattr(error, "reason", error))) from error
    except OSError as error:
        raise DatasetError(f"{path}: cannot be written: {error.strerror}") from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def _failed(url: str, reason: str) -> DatasetError:
    return DatasetError(
        f"{url}: the download failed: {reason}."
        " Fetch it in another way and pass it with --from FILE"
    )
