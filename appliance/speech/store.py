"""Sound kept on disk, so that a desk need not make its fixed lines anew at each start."""

from __future__ import annotations

import logging
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

log = logging.getLogger(__name__)

MOST = 256 << 20
"""Bytes of sound that are kept: about two hours."""

DIGEST = sha256().digest_size


class SoundStore:
    """A folder of sounds, s16le 16 kHz, by key. Each file begins with its own digest, so that one which a
    power cut spoiled is made anew. A disk that is full or broken is no error: nothing is kept then."""

    def __init__(self, folder: Path, most: int = MOST) -> None:
        self._folder = folder
        self._most = most

    def get(self, key: str) -> bytes | None:
        """The sound, if it is here and whole."""
        file = self._file(key)
        try:
            content = file.read_bytes()
            digest, pcm = content[:DIGEST], content[DIGEST:]
            if sha256(pcm).digest() != digest or len(pcm) % 2:
                file.unlink()
                return None
            file.touch()
        except OSError:
            return None
        return pcm

    def put(self, key: str, pcm: bytes) -> None:
        file = self._file(key)
        part = file.with_suffix(".part")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            part.write_bytes(sha256(pcm).digest() + pcm)
            part.replace(file)
            self._shrink()
        except OSError as error:
            log.warning("the sound of a line could not be kept (%s)", error.strerror)
            with suppress(OSError):
                part.unlink()

    def _shrink(self) -> None:
        """Forget what was not used for longest."""
        files = [(file, file.stat()) for file in self._folder.iterdir() if file.suffix in (".pcm", ".part")]
        files.sort(key=lambda each: each[1].st_mtime_ns)
        total = sum(status.st_size for _, status in files)
        for file, status in files:
            if total <= self._most:
                break
            file.unlink(missing_ok=True)
            total -= status.st_size

    def _file(self, key: str) -> Path:
        return self._folder / f"{key}.pcm"
