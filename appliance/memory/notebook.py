"""What has to reach a person: messages that callers left, and questions that the desk could not answer."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from appliance.engines.thread import EngineThread
from appliance.errors import StorageError

SCHEMA = """
create table if not exists message (id integer primary key, call text, at text, text text);
create table if not exists unanswered (id integer primary key, call text, at text, text text);
"""


class Notebook:
    """One SQLite file, written in a thread of its own. What `message` or `unanswered` returned for is on the
    disk; StorageError where it could not be."""

    def __init__(self, path: Path, thread: EngineThread) -> None:
        self._path = path
        self._thread = thread
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with closing(self._open()) as db, db:
                db.execute("pragma journal_mode = wal")
                db.executescript(SCHEMA)
        except (OSError, sqlite3.Error) as error:
            raise self._error(error) from error

    async def message(self, call: str, text: str) -> int:
        """Keep a caller's message; its number."""
        return await self._thread.run(
            self._insert, "insert into message (call, at, text) values (?, ?, ?)", call, text
        )

    async def extend(self, message: int, text: str) -> None:
        """The caller went on: add to the message."""
        await self._thread.run(
            self._write, "update message set text = text || ' ' || ? where id = ?", text, message
        )

    async def unanswered(self, call: str, text: str) -> None:
        """Keep a question that nothing answered."""
        await self._thread.run(
            self._insert, "insert into unanswered (call, at, text) values (?, ?, ?)", call, text
        )

    def messages(self) -> list[tuple[str, str, str]]:
        """Call, time (UTC, ISO 8601) and text of each message, oldest first."""
        with closing(self._open()) as db:
            return db.execute("select call, at, text from message order by id").fetchall()

    def questions(self) -> list[tuple[str, str, str]]:
        """The same of each unanswered question."""
        with closing(self._open()) as db:
            return db.execute("select call, at, text from unanswered order by id").fetchall()

    def _insert(self, statement: str, call: str, text: str) -> int:
        return self._write(statement, call, datetime.now(UTC).isoformat(timespec="seconds"), text)

    def _write(self, statement: str, *values: object) -> int:
        try:
            with closing(self._open()) as db, db:
                return db.execute(statement, values).lastrowid or 0
        except sqlite3.Error as error:
            raise self._error(error) from error

    def _open(self) -> sqlite3.Connection:
        db = sqlite3.connect(self._path, timeout=5)
        db.execute("pragma synchronous = full")
        return db

    def _error(self, error: Exception) -> StorageError:
        return StorageError(
            f"{self._path} cannot be written ({error})",
            "free some space on the disk, or mend the file's rights",
        )
