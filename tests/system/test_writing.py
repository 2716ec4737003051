"""A file is written whole or not at all, with the right rights, and is on the disk before anybody goes on."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from appliance.errors import StorageError
from appliance.system import writing
from appliance.system.writing import PRIVATE, plain_errors, write


def rights(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_what_is_written_is_on_the_disk_and_then_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or the power goes, and leaves a box that believes to be of a fleet, with an empty key."""
    kept: list[tuple[bool, int, bool]] = []
    fsync, path = os.fsync, tmp_path / "key.pem"

    def watch(descriptor: int) -> None:
        found = os.fstat(descriptor)
        kept.append((stat.S_ISDIR(found.st_mode), found.st_size, path.exists()))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", watch)
    write(path, "a key", PRIVATE)
    assert kept[0] == (False, 5, False)
    assert [(folder, there) for folder, _, there in kept[1:]] == [(True, True)]


def test_private_is_private_whatever_lay_there_before(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    for beside in (path, tmp_path / f".{path.name}{writing.NEW}"):
        beside.write_text("of before")
        beside.chmod(0o666)
    write(path, b"\x00key", PRIVATE)
    assert (rights(path), path.read_bytes()) == (0o600, b"\x00key")


def test_a_file_keeps_the_rights_that_it_had_and_a_link_stays_one(tmp_path: Path) -> None:
    path, link = tmp_path / "desk.toml", tmp_path / "link.toml"
    path.write_text("old")
    path.chmod(0o640)
    link.symlink_to(path)
    write(link, "new")
    assert (rights(path), path.read_text()) == (0o640, "new")
    assert link.is_symlink()


def test_where_it_cannot_be_written_the_older_one_stays_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "desk.toml"
    path.write_text("old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="No space left"), plain_errors(path):
        write(path, "new")
    assert [(each.name, each.read_text()) for each in tmp_path.iterdir()] == [("desk.toml", "old")]


def test_what_is_no_file_is_written_to_and_stays_what_it_is(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write(pipe, "told")
    assert os.read(reader, 100) == b"told"
    os.close(reader)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    with pytest.raises(IsADirectoryError):
        write(tmp_path, "told")
