"""A recording as a file: where the data folder is encrypted, so is each file in its folder of recordings.

A locked file is a head and pieces, each encrypted by itself (AES-GCM), so that what a power cut left can be
read to its last whole piece. The last piece is empty, so that it is seen where one before it is missing."""

from __future__ import annotations

import io
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from appliance.errors import StorageError
from appliance.memory.key import derived, key_of

MAGIC = b"APPLOCK1"
SALT = 16
"""Bytes after the magic by which each file has a key of its own."""
LENGTH = 4
"""Bytes before a piece that say how long it is."""
TAG = 16
"""Bytes by which a piece is longer than what is in it."""
PIECE = 1 << 18
"""Bytes that are encrypted at a time."""


class Lock:
    """Writes a locked file, piece by piece; each is with the system when `write` returns. OSError."""

    def __init__(self, path: Path, key: bytes) -> None:
        salt = secrets.token_bytes(SALT)
        self._cipher = AESGCM(derived(key, "recording", salt))
        self._count = 0
        self._file = path.open("wb", buffering=0)
        self._put(MAGIC + salt)

    def write(self, content: bytes) -> None:
        for at in range(0, len(content), PIECE):
            self._piece(content[at : at + PIECE])

    def _put(self, content: bytes) -> None:
        """All of it: where the disk is nearly full, the system takes a part and says so."""
        left = memoryview(content)
        while left:
            left = left[self._file.write(left) :]

    def close(self) -> None:
        """The content is on the disk, and has an end. Safe to repeat."""
        if self._file.closed:
            return
        try:
            self._piece(b"")
            os.fsync(self._file.fileno())
        finally:
            self._file.close()

    def _piece(self, content: bytes) -> None:
        sealed = self._cipher.encrypt(_nonce(self._count), content, None)
        self._count += 1  # Before it can fail: no two pieces have the same.
        self._put(len(sealed).to_bytes(LENGTH, "big") + sealed)


def folder_key(path: Path) -> bytes | None:
    """The key by which a file in a folder of recordings is to be locked. StorageError."""
    return key_of(path.parent.parent)


def locked(path: Path) -> bool:
    """Whether a file is. OSError."""
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def opened(path: Path, key: bytes | None = None) -> BinaryIO:
    """What is in a recording, whether it is locked or not. `key`: instead of the folder's. OSError where it
    cannot be read, or is not as it was written."""
    if not locked(path):
        return path.open("rb")
    try:
        return io.BytesIO(b"".join(pieces(path, whole=True, key=key)))
    except StorageError as error:
        raise OSError(str(error)) from error


def pieces(path: Path, start: int = 0, whole: bool = False, key: bytes | None = None) -> Iterator[bytes]:
    """What is in a locked file, from a byte on. Where the end is broken off it is over before that; with
    `whole` that is an OSError. StorageError where the key is not here."""
    key = key or folder_key(path)
    if key is None:
        raise StorageError(
            f"{path} is encrypted, and its folder has no key", "put back the data folder's key"
        )
    with path.open("rb") as file:
        cipher = AESGCM(derived(key, "recording", file.read(len(MAGIC) + SALT)[len(MAGIC) :]))
        size, at, count, ended = path.stat().st_size, 0, 0, False
        while head := file.read(LENGTH):
            length = int.from_bytes(head, "big")
            broken = ended or len(head) < LENGTH or length < TAG or file.tell() + length > size
            content, ended = b"", length == TAG
            if not broken and not ended and at + length - TAG <= start:
                file.seek(length, os.SEEK_CUR)
            elif not broken:
                try:
                    content = cipher.decrypt(_nonce(count), file.read(length), None)
                except InvalidTag:
                    broken = True
            if broken:
                if whole:
                    raise OSError(f"{path.name} is damaged")
                return
            if content:
                yield content[max(0, start - at) :]
            at, count = at + length - TAG, count + 1
        if whole and not ended:
            raise OSError(f"{path.name} is damaged: its end is missing")


def _nonce(count: int) -> bytes:
    return count.to_bytes(12, "big")
