"""Where the fleet's memory lies: in SQLite's files, or in a PostgreSQL. Both are asked by the same SQL: marks
are `?`, whole numbers are as large as they need be, and truth is 0 or 1."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

DAY = 86_400_000
"""Milliseconds."""

IDS = 1 << 36
"""Messages of a day at the most: the first of a day is day * IDS, so they rise from one to the next."""

Row = tuple[Any, ...]
Kept = tuple[int, int, int, int, str, str]
"""boot, seq, at, received, kind, data: what a box told, as it is kept."""


class Found(Protocol):
    """What came of a statement; its rows come one by one, too."""

    @property
    def rowcount(self) -> int: ...
    def fetchone(self) -> Any: ...
    def fetchall(self) -> list[Any]: ...
    def __iter__(self) -> Any: ...


class Writing(Protocol):
    """A transaction that is under way."""

    def execute(self, sql: str, values: Sequence[Any] = (), /) -> Found: ...
    def executemany(self, sql: str, rows: Iterable[Sequence[Any]], /) -> Any: ...


class Database(Protocol):
    """Safe for use from several threads and processes. StorageError where it cannot be read or written."""

    held: str
    """SQL that makes a `select` keep other workers from its rows until the transaction ends."""

    def write(self) -> AbstractContextManager[Writing]:
        """One transaction; on the disk when it is left."""
        ...

    def read(self, sql: str, *values: Any) -> list[Row]: ...

    def keep(self, db: Writing, rows: Sequence[Kept]) -> None:
        """What boxes told, with the day on which it was received: the table `message`, for who reads. Each
        has an `id`; they are in the order in which it was committed, up to `kept` of the table `day`."""
        ...

    def forget(self, before: int) -> int:
        """Delete whole days that ended before that time; how many. It keeps no worker waiting."""
        ...

    def close(self) -> None:
        """Safe to repeat."""
        ...


def opened(where: Path | str, now: Callable[[], float] = time.time) -> Database:
    """By `postgresql://...`, or by the path of a file. StorageError where it cannot be opened."""
    if str(where).startswith(("postgresql://", "postgres://")):
        from appliance.fleet.storage.postgres import Postgres

        return Postgres(str(where), now)
    from appliance.fleet.storage.sqlite import Sqlite

    return Sqlite(Path(where))


def numbered(db: Writing, day: int, count: int) -> range:
    """The ids of so many messages of a day. Whoever has them is the next to commit."""
    [(last,)] = db.execute(
        """insert into day (day, kept) values (?, ?)
            on conflict (day) do update set kept = day.kept + ? returning kept""",
        (day, day * IDS + count, count),
    ).fetchall()
    return range(last - count + 1, last + 1)


def marks(count: int) -> str:
    return ",".join("?" * count)
