"""The SQLite file in which a house writes down who may what. Of passwords, sessions and tokens it holds
hashes only; the secrets of second factors are sealed."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from appliance.system.writing import plain_errors

PATIENCE = 10.0
"""Seconds to wait for another program that writes."""

SCHEMA = [
    """create table account (
        id integer primary key, name text not null unique, role text not null, scope text,
        password text not null, made real not null, seen real,
        second text, proposed text, last_step integer not null default 0)""",
    """create table session (
        hash blob primary key, account integer not null references account on delete cascade,
        began real not null, seen real not null) without rowid""",
    "create index session_account on session (account, began)",
    """create table token (
        id integer primary key, hash blob not null unique,
        account integer not null references account on delete cascade, label text not null,
        role text not null, scope text, made real not null, expires real not null, used real)""",
]


class Ledger:
    """Blocking; safe for use from several threads and programs. StorageError where it cannot be used."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.RLock()
        with plain_errors(self._path, sqlite3.Error):
            path.parent.mkdir(parents=True, exist_ok=True)
            # What SQLite writes beside it gets the same rights.
            file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                if os.fstat(file).st_mode & 0o077:
                    os.fchmod(file, 0o600)
            finally:
                os.close(file)
            self._db = sqlite3.connect(path, timeout=PATIENCE, isolation_level=None, check_same_thread=False)
            for pragma in (
                "journal_mode = wal",
                "synchronous = full",
                "secure_delete = on",
                "foreign_keys = on",
            ):
                self._db.execute(f"pragma {pragma}")
        with self.write() as db:
            if not db.execute("pragma user_version").fetchone()[0]:
                for step in SCHEMA:
                    db.execute(step)
                db.execute("pragma user_version = 1")

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """One transaction, on the disk when the block ends."""
        with self._lock, plain_errors(self._path, sqlite3.Error):
            self._db.execute("begin immediate")
            try:
                yield self._db
                self._db.execute("commit")
            except BaseException:
                self._db.execute("rollback")
                raise

    def read(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        with self._lock, plain_errors(self._path, sqlite3.Error):
            return self._db.execute(sql, values).fetchall()

    def empty_log(self) -> None:
        """Leave nothing of what was before in the log beside the file, as far as nobody else reads it."""
        self.read("pragma wal_checkpoint(truncate)")

    def close(self) -> None:
        with self._lock, suppress(sqlite3.Error):
            self._db.close()
