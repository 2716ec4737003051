"""A box from a backup: all that a snapshot holds, but for whom was erased since."""

from __future__ import annotations

import logging
import shutil
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from appliance.errors import StorageError
from appliance.memory import key
from appliance.memory.migrations import STEPS, Step
from appliance.memory.sqlite import sqlite3
from appliance.memory.store import Store
from appliance.memory.units import conversation
from appliance.observe import calls
from appliance.observe.backup import KEYS, read_keys, snapshots
from appliance.observe.encrypting import DATABASES, closed
from appliance.observe.locked import Lock, folder_key, opened
from appliance.observe.snapshot import FORM, Line, lines, unsealed
from appliance.system.writing import PRIVATE, write

log = logging.getLogger(__name__)

BUILT = "restored"
"""Folder within the data folder in which all is built before it takes the place of what is there."""


def chosen(place: Path, at: str = "") -> Path:
    """The newest snapshot in a place, or the one whose name begins like that. StorageError."""
    folders = (
        [place] if (place / KEYS).is_file() else sorted(p.parent for p in place.glob(f"appliance-*/{KEYS}"))
    )
    if len(folders) != 1:
        names = ", ".join(folder.name for folder in folders)
        raise StorageError(
            f"there are {len(folders)} boxes in {place}{names and ': '}{names}" if folders
            else f"there is no backup in {place}",
            "name the folder of the box" if folders else "plug the stick in, or name another place",
        )  # fmt: skip
    found = [path for path in snapshots(folders[0]) if path.name.startswith(at)]
    if not found:
        there = ", ".join(path.stem for path in snapshots(folders[0])) or "none"
        raise StorageError(f"there is no such backup; there are: {there}", "name one of them")
    return found[-1]


def restore(snapshot: Path, identity: str, data: Path, files: Path | None = None) -> Mapping[str, int]:
    """Put a snapshot in the place of what a data folder holds; what that was, and how much. `files`: a folder
    for the files of configuration that go with it. The desk must be stopped. StorageError."""
    keys = read_keys(snapshot.parent, identity)
    built = data / BUILT
    try:
        _closed(data)
        shutil.rmtree(built, ignore_errors=True)
        key.lend(data, built)
        (built / "recordings").mkdir()
        done = _build(built, lines(snapshot, identity), keys, files)
        _take_over(built / "desk.db", snapshot.parent, identity, keys)
        done["recording"] = _recordings(built, snapshot.parent / "recordings", keys)
        _closed(data)  # Still: it took its time.
        _put(built, data)
    except (OSError, sqlite3.Error) as error:
        raise StorageError(f"{data} could not be restored ({error})", "free some space, try again") from error
    finally:
        shutil.rmtree(built, ignore_errors=True)
    return done


def _closed(data: Path) -> None:
    """Nobody else has the databases open."""
    for name in DATABASES:
        if (data / name).exists():
            # Where it is damaged, that is what restoring is for.
            with suppress(sqlite3.DatabaseError):
                closed(data / name, key.key_of(data))


def _build(built: Path, every: Iterable[Line], keys: dict[str, bytes], files: Path | None) -> Counter[str]:
    done: Counter[str] = Counter()
    store: Store | None = None
    known = {"desk.db": STEPS, "calls.db": calls.STEPS}
    try:
        for line in every:
            if name := line.get("database"):
                if store:
                    _commit(store)
                store = _begin(built / name, line, known[name])
            elif table := line.get("table"):
                assert store
                if row := unsealed(line, keys):
                    _insert(store, table, row)
                    done[table] += 1
                else:
                    done["erased row"] += 1
            elif files and "file" in line:
                files.mkdir(parents=True, exist_ok=True)
                (files / Path(line["file"]).name).write_text(line["text"], encoding="utf-8")
        if store:
            _commit(store)
    finally:
        if store:
            store.close()
    for name, steps in known.items():
        Store(built / name, steps=steps).close()  # Brought up to date.
    return done


def _begin(path: Path, line: Line, steps: tuple[Step, ...]) -> Store:
    if line["form"] > FORM or line["version"] > len(steps):
        raise StorageError("the backup is of a newer program", "install that program first")
    store = Store(path, steps=steps[: line["version"]], durable=False)
    store.read("pragma foreign_keys = off")
    store.read("begin")
    return store


def _commit(store: Store) -> None:
    store.read("commit")
    store.close()


def _insert(store: Store, table: str, row: Mapping[str, Any]) -> None:
    columns, marks = ", ".join(f'"{name}"' for name in row), ", ".join("?" * len(row))
    store.read(f'insert into "{table}" ({columns}) values ({marks})', *row.values())


def _take_over(path: Path, place: Path, identity: str, keys: Mapping[str, bytes]) -> None:
    """The box goes on with the backups of the one that made them."""
    store = Store(path)
    id = place.name.removeprefix("appliance-")
    with store.write() as db:
        db.execute("delete from backup_box")
        db.execute("insert into backup_box values (?, ?)", id, identity)
        db.execute("insert or replace into backup_place values (?, 0)", str(place.absolute()))
        for name, each in keys.items():
            db.execute("insert or replace into backup_key values (?, ?)", name, each)
    store.close()


def _recordings(built: Path, there: Path, keys: Mapping[str, bytes]) -> int:
    """How many there are. A call whose recording is not there, or cannot be read, comes back without."""
    with closing(Store(built / "calls.db", steps=calls.STEPS)) as store:
        rows = store.read("select number, id, recording from call where recording != ''")
        missing = []
        for number, id, name in rows:
            try:
                with opened(there / Path(name).name, keys[conversation(id)]) as file:
                    content = file.read()
            except (OSError, KeyError) as error:
                log.warning("a recording does not come back: %s (%s)", name, error)
                missing.append((number,))
                continue
            new = built / "recordings" / Path(name).name
            if own := folder_key(new):
                with closing(Lock(new, own)) as lock:
                    lock.write(content)
            else:
                write(new, content, PRIVATE)
        with store.write() as db:
            for each in missing:
                db.execute("update call set recording = '' where number = ?", *each)
    return len(rows) - len(missing)


def _put(built: Path, data: Path) -> None:
    """In place of what is there. Where the power goes in the middle, restore again."""
    shutil.rmtree(data / "recordings", ignore_errors=True)
    (built / "recordings").replace(data / "recordings")
    for end in ("", "-wal", "-shm"):
        (data / f"recall.db{end}").unlink(missing_ok=True)  # It is made anew.
    for name in DATABASES:
        for end in ("-wal", "-shm"):
            (data / f"{name}{end}").unlink(missing_ok=True)
        (built / name).replace(data / name)
