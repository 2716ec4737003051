"""The key by which a data folder is encrypted. It is never in that folder: there is only a note of where it
lies and how to know it again."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import stat
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from appliance.errors import StorageError
from appliance.writing import PRIVATE, write

CREDENTIAL = "appliance.data-key"
"""What systemd calls the key that it hands to the desk."""

NOTE = "key.json"
SIZE = 32
"""Bytes of a key; files hold it as hex digits."""


def derived(key: bytes, what: str, salt: bytes = b"") -> bytes:
    """A key of its own for each thing."""
    return HKDF(SHA256(), SIZE, salt or None, f"appliance {what}".encode()).derive(key)


def key_of(folder: Path) -> bytes | None:
    """The key of a data folder; None where it is not encrypted. StorageError where the key is not here."""
    try:
        note = (folder / NOTE).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StorageError(f"{folder / NOTE} cannot be read ({error})", "mend the file's rights") from error
    return _noted(folder, note, os.environ.get("CREDENTIALS_DIRECTORY", ""))


def credential(environment: Mapping[str, str] = os.environ) -> Path | None:
    """The key that systemd has handed over, if it has."""
    folder = environment.get("CREDENTIALS_DIRECTORY")
    file = Path(folder or ".") / CREDENTIAL
    return file if folder and file.is_file() else None


def note(folder: Path, file: Path | None) -> bytes:
    """Say that a folder is encrypted from now on: by the credential, or by the key in `file`, which is made
    where there is none. The key; a folder that is encrypted keeps its own. StorageError."""
    if key := key_of(folder):
        return key
    if file is None:
        if not (handed := credential()):
            raise StorageError("there is no key", "name a file for it: appliance encrypt --key-file FILE")
        key = _read(handed)
    else:
        file = file.absolute()
        if file.resolve().is_relative_to(folder.resolve()):
            raise StorageError(
                f"the key {file} would lie beside what it protects", "choose a place outside the data folder"
            )
        key = _read(file) if file.exists() else _make(file)
    noted = {"file": str(file or ""), "known by": _mark(key)}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write(folder / NOTE, json.dumps(noted), PRIVATE)
    except OSError as error:
        raise StorageError(
            f"{folder / NOTE} cannot be written ({error})", "mend the file's rights"
        ) from error
    return key


def lend(folder: Path, to: Path) -> None:
    """Have another folder, which is made, encrypted by the key of one that is. OSError."""
    to.mkdir(parents=True, exist_ok=True)
    if (folder / NOTE).exists():
        shutil.copy(folder / NOTE, to / NOTE)


@lru_cache(maxsize=8)
def _noted(folder: Path, note: str, _: str) -> bytes:
    try:
        noted = json.loads(note)
        file, mark = Path(noted["file"]) if noted["file"] else None, noted["known by"]
    except (ValueError, KeyError, TypeError) as error:
        raise StorageError(f"{folder / NOTE} is damaged", "put back a backup of it") from error
    place = credential() or file
    if place is None or not place.is_file():
        raise StorageError(
            f"what is in {folder} is encrypted, and its key is not here"
            f" ({place or f'the credential {CREDENTIAL}'})",
            "let systemd start the desk; for a command, see docs/privacy.md, Encrypted",
        )
    key = _read(place)
    if _mark(key) != mark:
        raise StorageError(f"{place} is not the key of {folder}", "put back the right one")
    return key


def _read(file: Path) -> bytes:
    try:
        # What systemd hands over is in a folder that nobody else may enter.
        if file.name != CREDENTIAL and stat.S_IMODE(file.stat().st_mode) & 0o077:
            raise StorageError(f"others may read the key {file}", f"chmod 600 {file}")
        key = bytes.fromhex(file.read_text(encoding="ascii"))
    except (OSError, ValueError) as error:
        raise StorageError(f"the key {file} cannot be read ({error})", "put back the right one") from error
    if len(key) != SIZE:
        raise StorageError(f"the key {file} has {len(key)} bytes", f"put back the right one, of {SIZE}")
    return key


def _make(file: Path) -> bytes:
    key = secrets.token_bytes(SIZE)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write(file, f"{key.hex()}\n", PRIVATE)
    except OSError as error:
        raise StorageError(f"the key {file} cannot be written ({error})", "choose another place") from error
    return key


def _mark(key: bytes) -> str:
    return derived(key, "mark").hex()[:16]
