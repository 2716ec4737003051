"""Keys that lie in files."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance.errors import StorageError
from appliance.system.keyfile import SIZE, handed, make, read


def test_a_key_that_was_made_is_nobody_elses_and_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "kept" / "key"
    key = make(file)
    assert len(key) == SIZE
    assert read(file) == key
    assert file.stat().st_mode & 0o077 == 0
    assert make(tmp_path / "another") != key


@pytest.mark.parametrize("content", ["", "a5" * (SIZE - 1), "no hex", "a5" * SIZE + "a"])
def test_what_is_no_key_is_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "key"
    make(file)
    file.write_text(content)
    with pytest.raises(StorageError, match="put back the right one"):
        read(file)


def test_a_key_that_others_may_read_is_refused_but_not_what_systemd_hands_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "appliance.some-key"
    key = make(file)
    file.chmod(0o640)
    with pytest.raises(StorageError, match="others may read"):
        read(file)
    assert handed(file.name) is None
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert handed(file.name) == file
    assert read(file) == key


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot be written"):
        make(tmp_path / "file" / "key")
