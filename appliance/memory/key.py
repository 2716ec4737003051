"""The key by which a data folder is encrypted. It is never in that folder: there is only a note of where it
lies and how to know it again."""

from __future__ import annotations

import json
import os
import shutil
from functools import lru_cache
from pathlib import Path

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from appliance.errors import StorageError
from appliance.system.keyfile import SIZE, handed, make, read
from appliance.system.writing import PRIVATE, write

CREDENTIAL = "appliance.data-key"
"""What systemd calls the key that it hands to the desk."""

NOTE = "key.json"


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


def note(folder: Path, file: Path | None) -> bytes:
    """Say that a folder is encrypted from now on: by the credential, or by the key in `file`, which is made
    where there is none. The key; a folder that is encrypted keeps its own. StorageError."""
    if key := key_of(folder):
        return key
    if file is None:
        if not (given := handed(CREDENTIAL)):
            raise StorageError("there is no key", "name a file for it: appliance encrypt --key-file FILE")
        key = read(given)
    else:
        file = file.absolute()
        if file.resolve().is_relative_to(folder.resolve()):
            raise StorageError(
                f"the key {file} would lie beside what it protects", "choose a place outside the data folder"
            )
        key = read(file) if file.exists() else make(file)
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
    place = handed(CREDENTIAL) or file
    if place is None or not place.is_file():
        raise StorageError(
            f"what is in {folder} is encrypted, and its key is not here"
            f" ({place or f'the credential {CREDENTIAL}'})",
            "let systemd start the desk; for a command, see docs/privacy.md, Encrypted",
        )
    key = read(place)
    if _mark(key) != mark:
        raise StorageError(f"{place} is not the key of {folder}", "put back the right one")
    return key


def _mark(key: bytes) -> str:
    return derived(key, "mark").hex()[:16]
