import errno
from pathlib import Path

import pytest

from crystalgen.errors import ExportError
from crystalgen.export.formats import Format
from crystalgen.export.manifest import Counts
from crystalgen.export.record import to_line
from crystalgen.export.run_folder import (
    drop_torn_line,
    read_manifest,
    read_records,
    remove_run,
    reserved_folder,
    write_whole,
)
from crystalgen.export.writer import RunWriter


@pytest.fixture
def run(tmp_path, records, manifest):
    """A finished run of three crystals in all formats."""
    folder = tmp_path / "run"
    folder.mkdir()
    with RunWriter(folder, manifest, formats=tuple(Format)) as writer:
        for record in records[:3]:
            writer.add(record)
        writer.finish(status="complete", counts=Counts(asked=3))
    return folder


def test_a_folder_that_stays_empty_is_removed_again(tmp_path):
    with reserved_folder(tmp_path / "a" / "b"):
        assert (tmp_path / "a" / "b").is_dir()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_was_there_stays(tmp_path):
    with reserved_folder(tmp_path):
        pass
    assert tmp_path.is_dir()


def test_a_folder_with_a_run_stays_as_it_is(tmp_path):
    with reserved_folder(tmp_path / "run"):
        (tmp_path / "run" / "crystals.jsonl").touch()
    assert (tmp_path / "run" / "crystals.jsonl").exists()


def test_an_old_run_is_refused_with_a_remedy(run):
    message = "holds a run already .3 crystals, seed 0.; .* --out, .* --overwrite"
    with pytest.raises(ExportError, match=message), reserved_folder(run):
        pass
    with reserved_folder(run, overwrite=True):
        pass
    assert len(list(read_records(run))) == 3


def test_a_folder_with_other_files_is_refused_in_any_case(tmp_path):
    (tmp_path / "thesis.tex").touch()
    for overwrite in (False, True):
        with (
            pytest.raises(ExportError, match="holds no run of crystalgen"),
            reserved_folder(tmp_path, overwrite=overwrite),
        ):
            pass


def test_a_path_through_a_file_is_refused(tmp_path):
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "run"):
        with (
            pytest.raises(ExportError, match=r"cannot be written .* --out"),
            reserved_folder(path),
        ):
            pass


def test_a_folder_without_permission_is_refused(tmp_path, monkeypatch):
    def forbid(*_):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "write_bytes", forbid)
    with (
        pytest.raises(ExportError, match=r"Permission denied.*a folder of your own"),
        reserved_folder(tmp_path / "run"),
    ):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_torn_last_line_is_left_out(run, records):
    whole = (run / "crystals.jsonl").read_text()
    (run / "crystals.jsonl").write_text(whole + to_line(records[3])[:-40])
    assert [each.index for each in read_records(run)] == [0, 1, 2]


def test_a_damaged_line_is_named_by_its_number(run):
    lines = (run / "crystals.jsonl").read_text().splitlines(keepends=True)
    lines[1] = "garbage\n"
    (run / "crystals.jsonl").write_text("".join(lines))
    with pytest.raises(ExportError, match=r"crystals\.jsonl:2: got 'garbage"):
        list(read_records(run))


def test_what_is_no_run_folder_cannot_be_read(tmp_path):
    with pytest.raises(ExportError, match="expected the folder of a run"):
        list(read_records(tmp_path))
    with pytest.raises(ExportError, match="expected the folder of a run"):
        read_manifest(tmp_path)


def test_only_files_of_the_run_are_removed(run):
    (run / "cif" / "mine.cif").touch()
    (run / "notes.txt").touch()
    remove_run(run)
    left = {str(path.relative_to(run)) for path in run.rglob("*") if path.is_file()}
    assert left == {"cif/mine.cif", "notes.txt"}


def test_a_whole_file_is_written_or_none(tmp_path, monkeypatch):
    path = tmp_path / "file"
    write_whole(path, "old")

    def fill_up(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", fill_up)
    with pytest.raises(OSError, match="No space left"):
        write_whole(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("chunk", [1, 3, 1 << 16])
@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("", ""),
        ("torn", ""),
        ("one\ntwo\n", "one\ntwo\n"),
        ("one\ntwo\nto", "one\ntwo\n"),
    ],
)
def test_a_torn_line_is_cut_off_and_no_other(tmp_path, monkeypatch, chunk, text, left):
    monkeypatch.setattr("crystalgen.export.run_folder.CHUNK", chunk)
    path = tmp_path / "crystals.jsonl"
    path.write_text(text)
    drop_torn_line(path)
    assert path.read_text() == left
