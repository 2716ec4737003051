"""Every desk file that the desk was run on, kept as it was. Nothing here is ever changed or deleted."""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from appliance.config import digest
from appliance.errors import StorageError

NAME = re.compile(r"\d{8}T\d{6}\.\d{3}Z-[0-9a-f]{12}")
"""When it was kept (UTC), and its digest: 20261123T091757.123Z-3f2a9c0b1d4e."""


NEW = ".new"
"""What ends the name of a file that is being written."""


@dataclass(frozen=True, slots=True)
class Version:
    id: str
    by: str
    """Who, as they call themselves; empty where nobody said."""
    why: str

    @property
    def at(self) -> datetime:
        return datetime.strptime(self.id[:19], "%Y%m%dT%H%M%S.%f").replace(tzinfo=UTC)

    @property
    def digest(self) -> str:
        return self.id[-12:]


class Versions:
    """A folder with one file a version, and log.jsonl, which says who, why, and in what order: a clock may
    be wrong. Whatever is cut off at any point, what was kept before stays whole. StorageError where the
    folder cannot be read or written."""

    def __init__(self, folder: Path, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._folder = folder
        self._log = folder / "log.jsonl"
        self._now = now
        with plain_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
            for cut_off in folder.glob(f".*{NEW}"):
                cut_off.unlink()
            known = {version.id for version in self.all()}
            for path in sorted(folder.glob("*.toml")):
                if NAME.fullmatch(path.stem) and path.stem not in known:
                    self._enter(Version(path.stem, "", ""))

    def keep(self, text: str, by: str, why: str) -> Version:
        """Keep a desk file; when this returns it is on the disk."""
        stamp = self._now().astimezone(UTC).strftime("%Y%m%dT%H%M%S.%f")[:-3]
        version = Version(f"{stamp}Z-{digest(text)}", by, why)
        with plain_errors(self._folder):
            write(self._path(version.id), text)
            self._enter(version)
        return version

    def all(self) -> list[Version]:
        """Newest first."""
        with plain_errors(self._folder):
            lines = self._log.read_bytes().splitlines() if self._log.exists() else []
            entries = filter(None, map(_entry, lines))
            return [version for version in entries if self._path(version.id).exists()][::-1]

    def text(self, id: str) -> str | None:
        """A version by its id or digest; None where there is none."""
        known = (version.id for version in self.all() if id in (version.id, version.digest))
        found = next(known, None)
        with plain_errors(self._folder):
            return self._path(found).read_text(encoding="utf-8") if found else None

    def _enter(self, version: Version) -> None:
        line = json.dumps({"id": version.id, "by": version.by, "why": version.why}, ensure_ascii=False)
        with self._log.open("a+b") as log:
            # A line that was cut off stays alone on its line.
            torn = log.tell() > 0 and (log.seek(-1, os.SEEK_END), log.read(1))[1] != b"\n"
            log.write(b"\n" * torn + line.encode() + b"\n")
            log.flush()
            os.fsync(log.fileno())

    def _path(self, id: str) -> Path:
        return self._folder / f"{id}.toml"


def write(path: Path, text: str) -> None:
    """Put a text in place of a file, whole or not at all, and on the disk when this returns; a link stays a
    link, and the file keeps its rights. OSError where it cannot be done."""
    path = path.resolve()
    beside = path.with_name(f".{path.name}{NEW}")
    try:
        with beside.open("w", encoding="utf-8", newline="\n") as file:
            if path.exists():
                os.fchmod(file.fileno(), path.stat().st_mode & 0o7777)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


@contextlib.contextmanager
def plain_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"{path} cannot be read or written ({error.strerror or error})",
            "free some space on the disk, or mend its rights",
        ) from error


def _entry(line: bytes) -> Version | None:
    """A line of the log; None where it was cut off."""
    try:
        entry = json.loads(line)
        id, by, why = entry["id"], entry["by"], entry["why"]
    except (ValueError, TypeError, KeyError):
        return None
    whole = all(isinstance(each, str) for each in (id, by, why)) and NAME.fullmatch(id)
    return Version(id, by, why) if whole else None
