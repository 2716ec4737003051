"""What a box keeps, once more, in another place: a folder on a stick or a share.

There are snapshots, each a file; the recordings, each once; and the keys of all units, in a file that is
written anew at each backup and when a person is erased: without their key, nothing of them can be read in any
snapshot."""

from __future__ import annotations

import base64
import json
import logging
import os
import secrets
import zlib
from contextlib import closing
from datetime import UTC
from pathlib import Path
from typing import Any

import pyrage

from appliance.errors import StorageError
from appliance.memory.sqlite import sqlite3
from appliance.memory.store import Store
from appliance.memory.units import Keys, conversation
from appliance.observe.calls import Calls
from appliance.observe.locked import Lock, opened
from appliance.observe.snapshot import Reader, lines, packed, told, unsealed
from appliance.system.writing import PRIVATE, sync, write

log = logging.getLogger(__name__)

KEYS = "keys.age"
SNAPSHOT = ".age"

KEEP = 7
"""Snapshots that are kept in a place."""

TRIES = 3
"""Where a person is erased meanwhile, a backup begins anew."""


class Backup:
    """Of one box. Blocking; StorageError where a place cannot be written, or read again."""

    def __init__(self, data: Path, store: Store, calls: Calls) -> None:
        self._data = data
        self._store = store
        self._calls = calls

    def identity(self) -> tuple[str, str]:
        """What the box is called in its backups, and the key by which they can be read."""
        rows = self._store.read("select id, identity from backup_box")
        if not rows:
            made = secrets.token_hex(4), str(pyrage.x25519.Identity.generate())
            with self._store.write() as db:
                db.execute("insert into backup_box values (?, ?)", *made)
            return made
        return rows[0][0], rows[0][1]

    def write(self, place: Path, files: tuple[Path, ...] = (), keep: int = KEEP) -> Path:
        """Make a snapshot in a folder below `place`, and see that it can be read; the oldest go. `files`: the
        files of configuration that go with it."""
        if not place.is_dir():
            raise StorageError(f"{place} is no folder", "plug the stick in, or name another place")
        id, identity = self.identity()
        folder = place.absolute() / f"appliance-{id}"
        try:
            (folder / "recordings").mkdir(parents=True, exist_ok=True)
            for old in folder.rglob("*.new"):  # What a power cut left.
                old.unlink(missing_ok=True)
            for _ in range(TRIES):
                if path := self._snapshot(folder, identity, files):
                    self._copy_recordings(folder)
                    self._verify(path, folder, identity)
                    for old in snapshots(folder)[:-keep]:
                        if old != path:  # Where the clock went back, the newest seems to be the oldest.
                            old.unlink()
                    return path
        except (OSError, sqlite3.Error, pyrage.EncryptError) as error:
            raise StorageError(f"{folder} cannot be written ({error})", "free some space there") from error
        raise StorageError("people were erased meanwhile, again and again", "try again")

    def catch_up(self) -> list[Path]:
        """After an erasure: the keys of who was erased leave every place that is there, and their recordings.
        Those that could not be reached: they are brought up to date by the next backup to them."""
        left = []
        for (place,) in self._store.read("select path from backup_place where behind = 1"):
            folder = Path(place)
            try:
                if not folder.is_dir():
                    raise FileNotFoundError(place)
                self._write_keys(folder, self.identity()[1])
                self._drop_recordings(folder)
            except (OSError, pyrage.EncryptError) as error:
                log.warning("a place of backups still holds keys of who was erased: %s (%s)", place, error)
                left.append(folder)
                continue
            with self._store.write() as db:
                db.execute("update backup_place set behind = 0 where path = ?", place)
        return left

    def _snapshot(self, folder: Path, identity: str, files: tuple[Path, ...]) -> Path | None:
        """None where somebody was erased while it was made."""
        # By UTC: an hour that comes twice would put the newest among the oldest.
        path = folder / f"{self._store.now().astimezone(UTC):%Y%m%dT%H%M%S%f}{SNAPSHOT}"
        new = path.with_name(f"{path.name}.new")
        erasures = self._erasures()
        keys = Keys(self._store)
        recipient = pyrage.x25519.Identity.from_str(identity).to_public()
        with new.open("wb") as file:
            pyrage.encrypt_io(
                Reader(packed(told(self._store, self._calls.store, keys, files))), file, [recipient]
            )
            file.flush()
            os.fsync(file.fileno())
        with self._store.write() as db:
            if self._erasures() != erasures:
                new.unlink()
                return None
            keys.save(db)
            db.execute("insert or replace into backup_place values (?, 1)", str(folder))
        self._write_keys(folder, identity)
        new.replace(path)
        sync(folder)
        with self._store.write() as db:
            if self._erasures() != erasures:  # Their keys may have been written again just now.
                path.unlink()
                return None
            db.execute("update backup_place set behind = 0 where path = ?", str(folder))
        return path

    def _erasures(self) -> tuple[Any, ...]:
        (counts,) = self._store.read(
            "select (select count(*) from receipt where what = 'erase'), (select count(*) from erasure)"
        )
        return counts

    def _write_keys(self, folder: Path, identity: str) -> None:
        recipient = pyrage.x25519.Identity.from_str(identity).to_public()
        keys = {name: base64.b64encode(each).decode() for name, each in Keys(self._store)}
        write(folder / KEYS, pyrage.encrypt(zlib.compress(json.dumps(keys).encode()), [recipient]), PRIVATE)

    def _copy_recordings(self, folder: Path) -> None:
        """Each once, encrypted by its call's key; those that are no longer kept go."""
        keys = dict(Keys(self._store))
        for call in self._calls.older(self._store.now(), "recorded"):
            source, there = self._data / "recordings" / call.recording, folder / "recordings" / call.recording
            known = keys.get(conversation(call.id))
            if there.exists() or not source.is_file() or not known:
                continue
            new = there.with_name(f"{there.name}.new")
            try:
                with opened(source) as file:
                    content = file.read()
            except OSError as error:  # It was deleted just now, or is damaged: all else is kept.
                log.error("a recording is in no backup: %s", error)
                continue
            with closing(Lock(new, known)) as lock:
                lock.write(content)
            with opened(new, known):  # It can be read again.
                pass
            new.replace(there)
        self._drop_recordings(folder)
        sync(folder / "recordings")

    def _drop_recordings(self, folder: Path) -> None:
        known = {call.recording for call in self._calls.older(self._store.now(), "recorded")}
        for file in (folder / "recordings").iterdir():
            if file.name not in known:
                file.unlink(missing_ok=True)

    def _verify(self, path: Path, folder: Path, identity: str) -> None:
        """Read the snapshot from the place as a restore would."""
        keys = read_keys(folder, identity)
        count = 0
        for line in lines(path, identity):
            if "table" in line:
                count += 1
                if unsealed(line, keys) is None:
                    raise StorageError(f"{path} has rows without a key", "make another backup")
            if line.get("rows", count) != count:
                raise StorageError(f"{path} is not whole", "try another stick")
        log.info("the backup %s can be read: %d rows", path, count)


def folder_of(store: Store, place: Path) -> Path | None:
    """Where a box's own backups lie in a place; None where it never made any."""
    rows = store.read("select id from backup_box")
    return place.absolute() / f"appliance-{rows[0][0]}" if rows else None


def snapshots(folder: Path) -> list[Path]:
    """Oldest first."""
    return sorted(path for path in folder.glob(f"*{SNAPSHOT}") if path.name != KEYS)


def read_keys(folder: Path, identity: str) -> dict[str, bytes]:
    """Of the units that were not erased. StorageError."""
    try:
        text = pyrage.decrypt((folder / KEYS).read_bytes(), [pyrage.x25519.Identity.from_str(identity)])
        return {name: base64.b64decode(each) for name, each in json.loads(zlib.decompress(text)).items()}
    except (OSError, ValueError, zlib.error, pyrage.DecryptError, pyrage.IdentityError) as error:
        raise StorageError(
            f"{folder / KEYS} cannot be read ({error})", "give the right recovery key"
        ) from error
