"""A SQLite file of the box: how it is opened, read and written. The rest of `memory` is tables in the one
that holds what must not be lost, `desk.db`."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from appliance.errors import StorageError
from appliance.memory.key import NOTE, key_of
from appliance.memory.migrations import Step, migrate
from appliance.memory.sqlite import PAGE, WIDE, connect, plain, sqlite3

PATIENCE = 10.0
"""Seconds to wait for another writer; longer than an action may hold the file."""

LOG = 4 << 20
"""Bytes of the log beside a file from which on it is brought into the file: the longer it may grow, the more
often what changes again and again is written there once instead."""

FENCED = frozenset(
    "begin commit end rollback savepoint release attach detach pragma vacuum create drop alter".split()
)


Tell = Callable[["Database", str, Mapping[str, Any]], None]


class Database:
    """A connection inside a transaction that somebody else ends. Without a connection, or after `cut`, every
    statement is a RuntimeError."""

    def __init__(
        self, raw: sqlite3.Connection | None, fenced: bool = False, tell: Tell | None = None
    ) -> None:
        self._raw = raw
        self._fenced = fenced
        self._tell = tell
        self._lock = threading.Lock()

    def execute(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """All rows that a statement gives; `returning` tells what an insert made."""
        if self._fenced and sql.split(None, 1)[0].lower() in FENCED:
            raise ValueError("an action has one transaction, and does not end it itself")
        with self._lock:
            if self._raw is None:
                raise RuntimeError("no transaction is open here")
            return self._raw.execute(sql, values).fetchall()

    def tell(self, kind: str, data: Mapping[str, Any]) -> None:
        """Tell the fleet, if the box is of one: in this transaction, or not at all."""
        if self._tell:
            self._tell(self, kind, data)

    def cut(self) -> None:
        """From any thread: stop the statement that runs, undo the transaction, let no other begin."""
        if raw := self._raw:
            raw.interrupt()
            with self._lock:
                self._raw = None
                if raw.in_transaction:
                    raw.execute("rollback")


class Damaged(StorageError):
    """What is in the file is not what was written."""


class Store:
    """One file, brought up to date when it is opened. Safe for use from several threads and processes; what
    `write` returned from is on the disk. StorageError where it cannot be opened, read or written."""

    def __init__(
        self,
        path: Path,
        now: Callable[[], datetime] | None = None,
        steps: Sequence[Step] | None = None,
        durable: bool = True,
    ) -> None:
        """`durable = False` spares the disk: a power cut may cost what was written last, and no more."""
        self.path = path
        self._synchronous = "full" if durable else "normal"
        self.now = now or (lambda: datetime.now().astimezone())
        """The time, with its zone: the zone of the desk."""
        self.tell: Tell | None = None
        """What takes down, within a transaction, what the fleet is to be told of it."""
        self._lock = threading.RLock()
        with self._plain_errors():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._kept = self.connect()
            try:
                self._kept.execute("pragma journal_mode = wal")
                migrate(self._kept, steps)
            except BaseException:
                self._kept.close()
                raise

    def stamp(self) -> str:
        """The time as the file keeps it: UTC, ISO 8601, milliseconds."""
        return stamp(self.now())

    @contextmanager
    def write(self, durable: bool = True) -> Iterator[Database]:
        """One transaction: all of it, on the disk when the block ends, or nothing of it. One that is not
        `durable` is on the disk with the next that is, or within a minute: a power cut may take it."""
        with self._lock, self._plain_errors():
            if not durable:
                self._kept.execute("pragma synchronous = normal")
            try:
                self._kept.execute("begin immediate")
                yield Database(self._kept, tell=self.tell)
                self._kept.execute("commit")
            except BaseException:
                if self._kept.in_transaction:
                    self._kept.execute("rollback")
                raise
            finally:
                if not durable:
                    self._kept.execute(f"pragma synchronous = {self._synchronous}")

    def read(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        with self._lock, self._plain_errors():
            return self._kept.execute(sql, values).fetchall()

    def connect(self) -> sqlite3.Connection:
        """A connection of its own for somebody who holds a transaction for a while."""
        db = connect(self.path, PATIENCE, key_of(self.path.parent))
        db.execute(f"pragma synchronous = {self._synchronous}")
        db.execute(f"pragma wal_autocheckpoint = {LOG // PAGE}")
        db.execute("pragma secure_delete = on")
        db.execute("pragma foreign_keys = on")
        return db

    def scrub(self) -> None:
        """Leave no byte of what was deleted, neither in the file nor in its log; meanwhile the disk holds it
        three times. StorageError where it has no room, or where somebody else reads or writes for so long
        that it cannot be done."""
        with self._lock, self._plain_errors():
            # SQLCipher would copy all of it into memory. In a file the copy is encrypted as the original is,
            # but in pages of its own default, which it then takes for the original's, and crashes.
            self._kept.execute(f"pragma cipher_default_page_size = {PAGE}")
            self._kept.execute("pragma temp_store = file")
            try:
                self._kept.execute("vacuum")
            finally:
                self._kept.execute("pragma temp_store = default")
                self._kept.execute(f"pragma cipher_default_page_size = {WIDE}")
        self.empty_log()

    def empty_log(self) -> None:
        """Bring the log beside the file into it, and leave no byte in the log; raises as `scrub`."""
        with self._lock, self._plain_errors():
            busy = self._kept.execute("pragma wal_checkpoint(truncate)").fetchone()[0]
        if busy:
            raise StorageError(f"{self.path} is in use, and its log could not be emptied", "try again")

    def close(self) -> None:
        """Bring what the log beside the file holds into the file, and let go of both. Safe to repeat."""
        with self._lock, suppress(sqlite3.Error):
            self._kept.execute("pragma wal_checkpoint(truncate)")
            self._kept.close()

    @contextmanager
    def _plain_errors(self) -> Iterator[None]:
        try:
            yield
        except (OSError, sqlite3.Error) as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF in (
                sqlite3.SQLITE_CORRUPT,
                sqlite3.SQLITE_NOTADB,
            ):
                if (self.path.parent / NOTE).exists() and plain(self.path):
                    raise StorageError(
                        f"{self.path} was not encrypted to its end",
                        "appliance encrypt, or start the desk: it goes on with it",
                    ) from error
                raise Damaged(f"{self.path} is damaged ({error})", "put back a backup of it") from error
            raise StorageError(
                f"{self.path} cannot be read or written ({error})",
                "free some space on the disk, or mend the file's rights",
            ) from error


def stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")
