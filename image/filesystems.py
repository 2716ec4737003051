"""File systems in files, the same bits each time: squashfs, FAT and ext4."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

from image.boards import Pins
from image.shell import do, files


def squash(folder: Path, made: Path, pins: Pins, level: int) -> None:
    made.unlink(missing_ok=True)
    times = ["-mkfs-time", pins.epoch, "-all-time", pins.epoch]
    packed = ["-comp", "zstd", "-Xcompression-level", level, "-no-xattrs"]
    # It takes the time from one of the two, not from both.
    environment = {name: value for name, value in os.environ.items() if name != "SOURCE_DATE_EPOCH"}
    command = ["mksquashfs", folder, made, "-quiet", "-no-progress", "-noappend", *packed, *times]
    do(*command, environment=environment)


def fat(folder: Path, made: Path, size: str, label: str, pins: Pins) -> None:
    made.unlink(missing_ok=True)
    serial = hashlib.sha256(label.encode()).hexdigest()[:8]
    do("truncate", "-s", size, made)
    do("mkdosfs", "--invariant", "-F", "16" if size == "32M" else "32", "-n", label, "-i", serial, made)
    for file in sorted(files(folder)):
        os.utime(file, (pins.epoch, pins.epoch))
        do("mcopy", "-m", "-i", made, file, f"::{file.name}")


def ext4(folder: Path, made: Path, size: str, pins: Pins) -> None:
    """Filled by debugfs, file by file: what mke2fs takes over has the times and the order of this machine."""
    made.unlink(missing_ok=True)
    identity = "a99e1a9c-0000-4000-8000-00000000da7a"
    named = ["-L", "data", "-U", identity, "-E", f"hash_seed={identity}"]
    environment = os.environ | {"E2FSPROGS_FAKE_TIME": str(pins.epoch)}
    do("mke2fs", "-q", "-t", "ext4", *named, made, size, environment=environment)
    commands = []
    for path in sorted(folder.rglob("*")):
        there, found = path.relative_to(folder), path.stat()
        commands.append(f"cd /{there.parent}")
        commands.append(f"mkdir {path.name}" if path.is_dir() else f"write {path} {path.name}")
        fields = {"mode": f"0{found.st_mode:o}", "uid": found.st_uid, "gid": found.st_gid}
        for time in ("atime", "ctime", "mtime", "crtime"):
            fields |= {time: f"@{pins.epoch}", f"{time}_extra": 0}
        commands += [f"set_inode_field {path.name} {field} {value}" for field, value in fields.items()]
    script = made.with_suffix(".debugfs")
    script.write_text("\n".join(commands) + "\n")
    done = subprocess.run(
        ["debugfs", "-w", "-f", script, made], env=environment, capture_output=True, text=True, check=True
    )
    if complaints := done.stderr.splitlines()[1:]:  # It ends well whatever went wrong; first is its version.
        sys.exit(f"{made} could not be filled: {complaints[0]}")
    script.unlink()
