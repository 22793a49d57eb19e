"""Write what was collected: the cache, and beside it what was rejected and why."""

import json
from collections import Counter
from pathlib import Path

from crystalgen.datasets.build import Collection, Conversion
from crystalgen.datasets.cache import CacheInfo, write_cache, write_whole
from crystalgen.datasets.entry import Source
from crystalgen.errors import DatasetError


def rejected_path(cache: Path) -> Path:
    """Where the rejected entries of a cache are listed."""
    return cache.with_name(f"{cache.name}.rejected.jsonl")


def check_place(cache: Path) -> None:
    """Find out before an hour's work whether its result can be written.

    Raises:
        DatasetError: It is a folder, or its folder is missing or read-only.
    """
    if cache.is_dir():
        raise DatasetError(f"{cache}: a folder; expected the name of a file to write")
    probe = cache.with_name(f".{cache.name}.probe")
    try:
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise DatasetError(f"{cache}: cannot be written: {error.strerror}") from error


def store(
    collection: Collection, source: Source, conversion: Conversion, cache: Path
) -> CacheInfo:
    """Write the cache and the list of rejected entries, and describe them.

    The list has one JSON object to a line: identifier, reason, detail. Where nothing
    was rejected there is none, and one from an earlier run goes.

    Raises:
        DatasetError: The place cannot be written to.
    """
    counts = Counter(item.reason.value for item in collection.rejected)
    info = CacheInfo(
        source=source.name,
        license=source.license,
        citation=source.citation,
        source_sha256=source.sha256,
        n_read=collection.n_read,
        n_kept=len(collection.crystals),
        symprec=conversion.symprec,
        n_neighbours=conversion.n_neighbours,
        max_atoms=conversion.max_atoms,
        rejected=dict(sorted(counts.items())),
    )
    write_cache(cache, collection.crystals, collection.graphs, info)
    path = rejected_path(cache)
    if not collection.rejected:
        path.unlink(missing_ok=True)
        return info
    lines = [
        json.dumps(
            {
                "identifier": item.identifier,
                "reason": item.reason.value,
                "detail": item.detail,
            },
            ensure_ascii=False,
        )
        for item in collection.rejected
    ]
    write_whole(path, "".join(f"{line}\n" for line in lines).encode())
    return info
