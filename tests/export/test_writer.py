import errno
import json
import os
import signal
import subprocess
import sys

import ase.io
import pytest
from pymatgen.core import Structure

from crystalgen.errors import ExportError
from crystalgen.export import writer as writer_module
from crystalgen.export.formats import Format
from crystalgen.export.manifest import Counts
from crystalgen.export.run_folder import read_manifest, read_records
from crystalgen.export.writer import RunWriter

pytestmark = pytest.mark.filterwarnings("ignore:.*rounded to ideal values")

KILLED = """
import os, signal, sys
from dataclasses import replace
from crystalgen.export.formats import Format
from crystalgen.export.run_folder import read_manifest, read_records
from crystalgen.export.writer import RunWriter
from pathlib import Path
source, target = map(Path, sys.argv[1:])
manifest = replace(read_manifest(source), status="running")
with RunWriter(target, manifest, formats=(Format.CIF,)) as writer:
    for number, record in enumerate(list(read_records(source)) * 10):
        writer.add(replace(record, identifier=str(number)))
    os.kill(os.getpid(), signal.SIGKILL)
"""


def write(folder, records, manifest, formats=tuple(Format)):
    with RunWriter(folder, manifest, formats=formats) as writer:
        for record in records:
            writer.add(record)
        return writer.finish(
            status="complete",
            counts=Counts(asked=14, drawn=30, valid=20, unique=14),
            rejections={"duplicate": 6},
        )


def names(folder):
    return {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}


def test_a_run_folder_holds_every_crystal_in_every_format(tmp_path, records, manifest):
    finished = write(tmp_path, records, manifest)
    ids = [each.identifier for each in records]
    assert finished.counts.written == len(records)
    assert read_manifest(tmp_path) == finished
    assert [each.identifier for each in read_records(tmp_path)] == ids
    assert names(tmp_path) == {
        "manifest.json",
        "crystals.jsonl",
        "crystals.extxyz",
        *(f"cif/{each}.cif" for each in ids),
        *(f"poscar/{each}.vasp" for each in ids),
        *(f"json/{each}.json" for each in ids),
    }
    frames = ase.io.read(tmp_path / "crystals.extxyz", index=":")
    assert isinstance(frames, list)
    assert [each.info["id"] for each in frames] == ids
    for each in records:
        structure = Structure.from_file(tmp_path / f"cif/{each.identifier}.cif")
        assert len(structure.get_primitive_structure()) == each.crystal.n_atoms


def test_only_the_formats_asked_for_are_written(tmp_path, records, manifest):
    write(tmp_path, records[:1], manifest, formats=(Format.POSCAR,))
    assert names(tmp_path) == {
        "manifest.json",
        "crystals.jsonl",
        f"poscar/{records[0].identifier}.vasp",
    }


def test_the_same_crystals_give_the_same_bytes(tmp_path, records, manifest):
    folders = [tmp_path / "first", tmp_path / "second"]
    for folder in folders:
        folder.mkdir()
        write(folder, records, manifest)
    for name in names(folders[0]) - {"manifest.json"}:
        assert (folders[0] / name).read_bytes() == (folders[1] / name).read_bytes()


def test_a_new_run_replaces_the_old_one(tmp_path, records, manifest):
    write(tmp_path, records[:3], manifest)
    write(tmp_path, records[3:4], manifest, formats=(Format.CIF,))
    assert {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")} == {
        "manifest.json",
        "crystals.jsonl",
        "cif",
        f"cif/{records[3].identifier}.cif",
    }


def test_a_run_says_that_it_is_running(tmp_path, records, manifest):
    with RunWriter(tmp_path, manifest, formats=(Format.CIF,)) as writer:
        writer.add(records[0])
        assert read_manifest(tmp_path).status == "running"


def test_a_full_disk_keeps_what_is_complete(tmp_path, records, manifest, monkeypatch):
    synced = []

    def fill_up(_):
        synced.append(1)
        if len(synced) > 6:  # the manifest and five crystals
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", fill_up)
    monkeypatch.setattr(writer_module, "DISK_THREADS", 1)
    message = "No space left on device.; make room .*; the 5 crystals .* complete"
    with pytest.raises(ExportError, match=message):
        write(tmp_path, records, manifest, formats=(Format.CIF,))
    kept = [each.identifier for each in read_records(tmp_path)]
    assert kept == [each.identifier for each in records[:5]]
    assert names(tmp_path) == {
        "manifest.json",
        "crystals.jsonl",
        *(f"cif/{each}.cif" for each in kept),
    }


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL here")
def test_a_killed_run_keeps_whole_crystals_only(tmp_path, records, manifest):
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    target.mkdir()
    write(source, records, manifest, formats=())
    done = subprocess.run([sys.executable, "-c", KILLED, str(source), str(target)])
    assert done.returncode == -signal.SIGKILL
    kept = list(read_records(target))
    assert len(kept) >= len(records) * 10 - writer_module.LARGEST_QUEUE
    for record in kept:
        text = (target / f"cif/{record.identifier}.cif").read_text()
        assert text.endswith("  1\n")
    assert json.loads((target / "manifest.json").read_text())["status"] == "running"


def test_a_crystal_that_does_not_read_back_stops_the_run(
    tmp_path, records, manifest, monkeypatch
):
    text = "data_x\n_space_group_IT_number 1\n"
    monkeypatch.setattr("crystalgen.export.texts.cif_text", lambda *_, **__: text)
    with pytest.raises(ExportError, match="CIF x"):
        write(tmp_path, records, manifest)
    assert list(read_records(tmp_path)) == []
