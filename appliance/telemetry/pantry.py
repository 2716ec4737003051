"""Where a box keeps the pieces of a bundle, until it needs them: fetched in parts, taken up again where a
fetch was cut off, and used only once all of a piece is what the manifest says."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

from appliance.errors import ApplianceError, StorageError
from appliance.system.writing import plain_errors, sync
from appliance.telemetry.bundle import Forged, Kind, Manifest, Piece

ROOM = 4 << 30
"""Bytes that the pieces may take."""

SPARE = 512 << 20
"""Bytes that stay free on the disk whatever is fetched: callers need them more."""

PART = ".part"


class Pantry:
    """A folder: SHA256 is a piece that was verified, SHA256.part one that is under way. StorageError where
    the disk does not take it."""

    def __init__(
        self,
        folder: Path,
        room: int = ROOM,
        free: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free,
    ) -> None:
        self._folder = folder
        self._room = room
        self._free = free

    def path(self, piece: Piece) -> Path:
        return self._folder / piece.sha256

    def text(self, manifest: Manifest, kind: Kind) -> str:
        """What its piece of a kind says; empty where it has none. ApplianceError where it is no text."""
        try:
            return "".join(self.path(each).read_text(encoding="utf-8") for each in manifest.of(kind))
        except UnicodeDecodeError as error:
            raise ApplianceError(f"the {kind} file is no UTF-8 text", "save it as UTF-8") from error

    def missing(self, manifest: Manifest) -> list[Piece]:
        """The pieces that are not here yet, each once."""
        return list({each.sha256: each for each in manifest.pieces if not self.path(each).exists()}.values())

    def make_room(self, manifest: Manifest, kept: Iterable[str] = ()) -> None:
        """Delete what neither the manifest nor `kept` (sha256) needs. StorageError where it still has no
        room."""
        with plain_errors(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
            wanted = {each.sha256 for each in manifest.pieces} | set(kept)
            for path in self._folder.iterdir():
                if path.name.removesuffix(PART) not in wanted:
                    path.unlink()
            taken = sum(path.stat().st_size for path in self._folder.iterdir())
            here = sum(self.at(piece) for piece in self.missing(manifest))
            more = sum(piece.size for piece in self.missing(manifest)) - here
            if taken + more > self._room:
                raise StorageError(
                    f"the bundle has {manifest.size >> 20} MB, more than is kept here", "send a smaller one"
                )
            if more + SPARE > self._free(self._folder):
                raise StorageError(
                    f"the disk has no room for {more >> 20} MB more", "free some space on the disk"
                )

    def at(self, piece: Piece) -> int:
        """How many of its bytes are here."""
        if self.path(piece).exists():
            return piece.size
        try:
            return self._part(piece).stat().st_size
        except OSError:
            return 0

    def put(self, piece: Piece, offset: int, part: bytes) -> bool:
        """Keep a part, if it is the next one; whether the piece is whole now. Forged where it is another than
        it should be: then it is gone, and begins anew."""
        if self.path(piece).exists():
            return True
        with plain_errors(self._folder):
            if offset != self.at(piece):
                return False
            # A box that was killed before it looked at the whole has nothing to come any more: an empty part.
            with self._part(piece).open("ab") as file:
                file.write(part)
                file.flush()
                if file.tell() < piece.size:
                    return False
                os.fsync(file.fileno())
            self._verify(piece)
        return True

    def _verify(self, piece: Piece) -> None:
        path = self._part(piece)
        with path.open("rb") as file:
            mark = hashlib.file_digest(file, "sha256").hexdigest()
        if mark != piece.sha256 or path.stat().st_size != piece.size:
            path.unlink()
            raise Forged(f"{piece.name} came as another than its manifest says")
        path.replace(self.path(piece))
        sync(self._folder)

    def _part(self, piece: Piece) -> Path:
        return self._folder / f"{piece.sha256}{PART}"
