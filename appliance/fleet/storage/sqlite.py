"""The fleet's memory in SQLite: one file, and beside it one for each day of what boxes told, so that an old
day is deleted at once.

SQLite commits to several files one after the other. So the day's comes first, and the file itself says up to
where the day's counts; what a crash has left beyond that is cut off."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import groupby
from pathlib import Path
from typing import Any

from appliance.fleet.storage.database import DAY, Kept, Row, Writing, numbered
from appliance.fleet.storage.schema import migrate
from appliance.system.writing import plain_errors

SHOWN = 9
"""Days that can be looked at; SQLite has room for ten files beside the first."""

MESSAGES = """
    create table if not exists message (
        id integer primary key, boot integer not null, seq integer not null, at integer not null,
        received integer not null, kind text not null, data text not null, unique (boot, seq))"""

COLUMNS = "id, boot, seq, at, received, kind, data"


class Sqlite:
    held = ""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.RLock()
        self._reading = threading.RLock()
        self._days: dict[int, sqlite3.Connection] = {}
        self._shown: dict[sqlite3.Connection, list[int]] = {}
        with plain_errors(self.path, sqlite3.Error):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = _connect(path)
            migrate(self._db)
            # Who looks at the page must not keep what boxes tell waiting.
            self._reader = _connect(path)
        with self.write() as db:
            for (day,) in db.execute("select day from day").fetchall():
                self._mend(db, day)

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        with self._lock, plain_errors(self.path, sqlite3.Error):
            self._show(self._db)
            self._db.execute("begin")
            try:
                # This takes the file alone. `begin immediate` would hold the days' files too, while `keep`
                # adds to one; and the log of a file that is always held then is never begun anew.
                self._db.execute("update day set kept = kept where false")
                yield self._db
                self._db.execute("commit")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("rollback")
                raise

    def read(self, sql: str, *values: Any) -> list[Row]:
        with self._reading, plain_errors(self.path, sqlite3.Error):
            self._show(self._reader)
            return self._reader.execute(sql, values).fetchall()

    def keep(self, db: Writing, rows: Sequence[Kept]) -> None:
        for day, of_day in groupby(sorted(rows, key=_day), _day):
            file, told = self._mend(db, day), list(of_day)
            ids = numbered(db, day, len(told))
            file.execute("begin immediate")
            try:
                file.executemany(
                    f"insert into message ({COLUMNS}) values (?, ?, ?, ?, ?, ?, ?)",
                    [(id, *row) for id, row in zip(ids, told, strict=True)],
                )
                file.execute("commit")
            except BaseException:
                if file.in_transaction:
                    file.execute("rollback")
                raise

    def forget(self, before: int) -> int:
        with self.write() as db:
            gone = db.execute(
                "delete from day where (day + 1) * ? <= ? returning day", (DAY, before)
            ).fetchall()
            for (day,) in gone:
                if day in self._days:
                    self._days.pop(day).close()
        for (day,) in gone:
            for ending in ("", "-wal", "-shm"):
                Path(f"{self._file(day)}{ending}").unlink(missing_ok=True)
        return len(gone)

    def close(self) -> None:
        with self._lock, self._reading, suppress(sqlite3.Error):
            self._reader.close()
            for db in (*self._days.values(), self._db):
                db.execute("pragma wal_checkpoint(truncate)")
                db.close()

    def _mend(self, db: Writing, day: int) -> sqlite3.Connection:
        """The file of a day, without what was written before a crash that the rest knows nothing of."""
        if day not in self._days:
            self._days[day] = file = _connect(self._file(day))
            file.execute(MESSAGES)
        found = db.execute("select kept from day where day = ?", (day,)).fetchone()
        self._days[day].execute("delete from message where id > ?", found or (0,))
        for old in [each for each in self._days if each < day - 1]:
            self._days.pop(old).close()
        return self._days[day]

    def _file(self, day: int) -> Path:
        return self.path.with_name(f"{self.path.stem}-{day}.db")

    def _show(self, db: sqlite3.Connection) -> None:
        """Let the days that are there be the table `message`."""
        days = [day for (day,) in db.execute("select day from day order by day desc limit ?", (SHOWN,))]
        shown = self._shown.get(db)
        if days == shown or db.in_transaction:
            return
        db.execute("pragma query_only = off")
        db.execute("drop view if exists temp.message")
        for day in set(shown or ()) - set(days):
            db.execute(f"detach day{day}")
        for day in set(days) - set(shown or ()):
            # Read-only, so that who writes does not take them.
            db.execute(f"attach ? as day{day}", (f"{self._file(day).absolute().as_uri()}?mode=ro",))
        parts = [f"select {COLUMNS} from day{day}.message" for day in days]
        nothing = (
            "select 0 as id, 0 as boot, 0 as seq, 0 as at, 0 as received, '' as kind, '' as data where 0"
        )
        db.execute(f"create temp view message as {' union all '.join(parts) or nothing}")
        if db is self._reader:
            db.execute("pragma query_only = on")
        self._shown[db] = days


def _connect(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(
        path.absolute().as_uri(), timeout=10, isolation_level=None, check_same_thread=False, uri=True
    )
    db.execute("pragma journal_mode = wal")
    db.execute("pragma synchronous = full")
    db.execute("pragma foreign_keys = on")
    db.execute("pragma cache_size = -65536")
    return db


def _day(row: Kept) -> int:
    return row[3] // DAY
