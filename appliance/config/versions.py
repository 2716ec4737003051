"""Every desk file that the desk was run on, kept as it was. Nothing here is ever changed or deleted."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from appliance.config.reading import digest
from appliance.system.writing import NEW, plain_errors, write

NAME = re.compile(r"\d{8}T\d{6}\.\d{3}Z-[0-9a-f]{12}")
"""When it was kept (UTC), and its digest: 20261123T091757.123Z-3f2a9c0b1d4e."""


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


def _entry(line: bytes) -> Version | None:
    """A line of the log; None where it was cut off."""
    try:
        entry = json.loads(line)
        id, by, why = entry["id"], entry["by"], entry["why"]
    except (ValueError, TypeError, KeyError):
        return None
    whole = all(isinstance(each, str) for each in (id, by, why)) and NAME.fullmatch(id)
    return Version(id, by, why) if whole else None
