"""File systems in files, out of folders that hold the same and came to it in different ways."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from image import boards, filesystems

PINS = boards.read()[1]
TOOLS = ("mksquashfs", "mke2fs", "debugfs", "e2fsck", "mkdosfs", "mcopy")

pytestmark = pytest.mark.skipif(
    not all(shutil.which(tool) for tool in TOOLS),
    reason="needs squashfs-tools, e2fsprogs, dosfstools, mtools",
)

KINDS: dict[str, Callable[[Path, Path], None]] = {
    "squashfs": lambda folder, made: filesystems.squash(folder, made, PINS, level=3),
    "ext4": lambda folder, made: filesystems.ext4(folder, made, "8M", PINS),
    "fat": lambda folder, made: filesystems.fat(folder / "models", made, "32M", "BOX", PINS),
}


def fill(folder: Path, names: str, written: float) -> Path:
    (folder / "models").mkdir(parents=True)
    for name in names:
        file = folder / "models" / name
        file.write_text(name * 5000)
        file.chmod(0o600)
        os.utime(file, (written, written))
    return folder


@pytest.mark.parametrize("kind", KINDS)
def test_same_contents_are_the_same_bits_whenever_and_in_whatever_order_they_came(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", str(PINS.epoch))
    made = []
    for folder in (fill(tmp_path / "one", "abcdef", 1e9), fill(tmp_path / "two", "fedcba", 1.5e9)):
        made.append(tmp_path / f"{folder.name}.{kind}")
        KINDS[kind](folder, made[-1])
    assert made[0].read_bytes() == made[1].read_bytes()


def test_the_data_are_whole_and_keep_their_owners_and_their_modes(tmp_path: Path) -> None:
    made = tmp_path / "data.img"
    filesystems.ext4(fill(tmp_path / "data", "ab", 1e9), made, "8M", PINS)
    subprocess.run(["e2fsck", "-fn", made], check=True, capture_output=True)
    told = subprocess.run(
        ["debugfs", "-R", "stat /models/a", made], check=True, capture_output=True, text=True
    ).stdout
    assert "Mode:  0600" in told
    assert f"User: {os.geteuid():5}   Group: {os.getegid():5}" in told
    read = subprocess.run(["debugfs", "-R", "cat /models/a", made], check=True, capture_output=True).stdout
    assert read == b"a" * 5000


def test_what_finds_no_room_is_not_passed_over(tmp_path: Path) -> None:
    large = fill(tmp_path / "data", "a", 1e9)
    (large / "models" / "b").write_bytes(os.urandom(9 << 20))
    with pytest.raises(SystemExit, match="could not be filled"):
        filesystems.ext4(large, tmp_path / "small.img", "8M", PINS)
