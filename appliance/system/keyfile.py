"""Keys in files, as hex digits: those that systemd hands over, and those that are made here."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Mapping
from pathlib import Path

from appliance.errors import StorageError
from appliance.system.writing import PRIVATE, write

SIZE = 32
"""Bytes of a key."""


def handed(credential: str, environment: Mapping[str, str] = os.environ) -> Path | None:
    """The key that systemd has handed over by this name, if it has."""
    folder = environment.get("CREDENTIALS_DIRECTORY")
    file = Path(folder or ".") / credential
    return file if folder and file.is_file() else None


def read(file: Path) -> bytes:
    """StorageError where it cannot be read, is no key, or others may read it."""
    try:
        # What systemd hands over is in a folder that nobody else may enter.
        ours = str(file.parent) != os.environ.get("CREDENTIALS_DIRECTORY")
        if ours and stat.S_IMODE(file.stat().st_mode) & 0o077:
            raise StorageError(f"others may read the key {file}", f"chmod 600 {file}")
        key = bytes.fromhex(file.read_text(encoding="ascii"))
    except (OSError, ValueError) as error:
        raise StorageError(f"the key {file} cannot be read ({error})", "put back the right one") from error
    if len(key) != SIZE:
        raise StorageError(f"the key {file} has {len(key)} bytes", f"put back the right one, of {SIZE}")
    return key


def make(file: Path) -> bytes:
    """A new one, kept there for nobody else's eyes. StorageError."""
    key = secrets.token_bytes(SIZE)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write(file, f"{key.hex()}\n", PRIVATE)
    except OSError as error:
        raise StorageError(
            f"the key {file} cannot be written ({error})",
            "free some space on the disk, or choose another place",
        ) from error
    return key
