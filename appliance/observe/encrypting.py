"""A data folder becomes encrypted: its databases and its recordings."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from appliance.errors import StorageError
from appliance.memory import key
from appliance.memory.sqlite import PAGE, connect, plain, sqlite3
from appliance.observe.calls import ASIDE
from appliance.observe.locked import Lock, locked
from appliance.observe.sealing import PART, SEALED, unfinished, unsealed
from appliance.system.keyfile import handed
from appliance.system.writing import sync

DATABASES = ("desk.db", "calls.db")
PATIENCE = 2.0
"""Seconds to wait for whoever else has a database open."""


def encrypt(folder: Path, file: Path | None = None) -> int:
    """Encrypt what is in a folder, by the key in `file` or the one that systemd hands over; how many files
    that were. Nobody may have them open. Where it was cut off, the next time finishes it. StorageError."""
    try:
        databases = [path for name in DATABASES if plain(path := folder / name)]
        for path in databases:  # Whoever has one open would take it for damaged once there is the note.
            closed(path)
        known = key.note(folder, file)
        recordings = [path for path in _recordings(folder) if not locked(path)]
        if databases:
            for left in folder.glob(f"{ASIDE}*"):  # Nobody can tell who is in it.
                left.unlink()
            unfinished(folder / "recordings")  # What nobody agreed to is not kept.
        for path in databases:
            _database(path, known)
        if plain(folder / "recall.db"):  # It is made anew from what is remembered.
            for end in ("", "-wal", "-shm"):
                (folder / f"recall.db{end}").unlink(missing_ok=True)
        for path in recordings:
            _recording(path, known)
    except (OSError, sqlite3.Error) as error:
        raise StorageError(
            f"{folder} could not be encrypted ({error})", "stop the desk, free some space, and try again"
        ) from error
    return len(databases) + len(recordings)


def settle(folder: Path) -> None:
    """At the start: a box to which systemd hands a key is encrypted from then on, and what was cut off is
    finished."""
    if handed(key.CREDENTIAL) or (folder / key.NOTE).exists():
        encrypt(folder)


def closed(path: Path, known: bytes | None = None) -> None:
    """See that nobody has a database open; then nothing is left in a log beside it. StorageError."""
    try:
        with closing(connect(path, PATIENCE, known)) as db:
            db.execute("pragma journal_mode = delete")
    except sqlite3.OperationalError as error:
        raise StorageError(f"{path} is in use", "stop the desk first") from error


def _recordings(folder: Path) -> list[Path]:
    there = folder / "recordings"
    return sorted(path for end in (SEALED, PART) for path in there.glob(f"*{end}"))


def _database(path: Path, known: bytes) -> None:
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    with closing(connect(path, PATIENCE)) as db:
        version = db.execute("pragma user_version").fetchone()[0]
        raw = key.derived(known, "databases").hex()
        db.execute(f"attach database ? as encrypted key \"x'{raw}'\"", (str(new),))
        db.execute(f"pragma encrypted.cipher_page_size = {PAGE}")
        db.execute("select sqlcipher_export('encrypted')")
        db.execute(f"pragma encrypted.user_version = {version}")
        db.execute("detach database encrypted")
    _put(new, path)


def _recording(path: Path, known: bytes) -> None:
    new = path.with_name(f"{path.name}.new")
    content = path.read_bytes() if path.suffix == SEALED else b"".join(unsealed(path))
    with closing(Lock(new, known)) as lock:
        lock.write(content)
    _put(new, path)


def _put(new: Path, path: Path) -> None:
    sync(new)
    new.replace(path)
    # A power cut is not to bring back what was not encrypted.
    sync(path.parent)
