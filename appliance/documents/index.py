"""The sentences of all documents in one SQLite file: their words in FTS5, their meaning in sqlite-vec.

A document is replaced or removed in one transaction, so the file is whole wherever it is cut off; and what
was removed leaves no bytes behind, not even in a page that nothing uses. The sentences of a document have ids
without a gap.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from appliance.errors import StorageError
from appliance.memory.sqlite import sqlite3
from appliance.memory.vectors import connect

log = logging.getLogger(__name__)

SCHEMA = """
create table if not exists meta (key text primary key, value) without rowid;
create table if not exists file (
  id integer primary key, path text not null unique, digest text not null, problems text not null,
  title text not null
);
create table if not exists sentence (
  id integer primary key, file integer not null references file on delete cascade, place integer not null,
  block integer not null, text text not null, heading text not null, source text not null
);
create index if not exists sentence_file on sentence (file, place);
create virtual table if not exists words using fts5 (
  text, heading, content = 'sentence', content_rowid = 'id', tokenize = 'porter unicode61 remove_diacritics 2'
);
"""

PATIENCE = 30.0
"""Seconds to wait for somebody else who writes."""


@dataclass(frozen=True, slots=True)
class Row:
    """A sentence as it is stored."""

    id: int
    file: int
    place: int
    """Its number in the document."""
    block: int
    text: str
    heading: str
    source: str


class Index:
    """Opens the file anew for each task, so it may be used from any thread. StorageError where the file
    cannot be read or written."""

    def __init__(self, path: Path, dimensions: int) -> None:
        self._path = path
        self._dimensions = dimensions
        self._thread = threading.local()
        if not self._sound():
            log.warning("the documents' index %s is damaged: it is made anew", path)
            self._delete()
        with self._open() as db:
            _write_ahead(db)
            db.execute("begin immediate")
            for statement in SCHEMA.split(";\n"):
                db.execute(statement)
            self._vectors(db)

    def _sound(self) -> bool:
        """Whether the file is a database without damage, or none yet."""
        if not self._path.is_file():
            return True
        try:
            with closing(connect(self._path, PATIENCE)) as db:
                return bool(db.execute("pragma quick_check(1)").fetchone() == ("ok",))
        except sqlite3.DatabaseError as error:
            return error.sqlite_errorcode not in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT)

    def _delete(self) -> None:
        """All that is in it was read from the documents, and can be again."""
        try:
            for end in ("", "-wal", "-shm"):
                self._path.with_name(self._path.name + end).unlink(missing_ok=True)
        except OSError as error:
            raise StorageError(
                f"the damaged index {self._path} cannot be deleted ({error.strerror})",
                "delete it: it is made anew from the documents",
            ) from error

    def _vectors(self, db: sqlite3.Connection) -> None:
        kept = db.execute("select value from meta where key = 'dimensions'").fetchone()
        if kept != (self._dimensions,):
            self._clear(db)
            db.execute("drop table if exists meaning")
            db.execute(
                "create virtual table meaning using vec0 "
                f"(whole float[{self._dimensions}], bare float[{self._dimensions}])"
            )
            db.execute("insert or replace into meta values ('dimensions', ?)", (self._dimensions,))

    def made_by(self, maker: str, probe: NDArray[np.float32]) -> None:
        """Empty the index unless the same program and the same embedding model filled it."""
        with self._open() as db:
            db.execute("begin immediate")
            kept = dict(db.execute("select key, value from meta"))
            before = np.frombuffer(kept.get("probe", b""), "<f4")
            alike = before.shape == probe.shape and before @ probe > 0.999
            if kept.get("maker") != maker or not alike:
                self._clear(db)
                db.execute(
                    "insert or replace into meta values ('maker', ?), ('probe', ?)", (maker, _bytes(probe))
                )

    def files(self) -> dict[str, tuple[str, list[str]]]:
        """Path, sha256 and problems of each document that is in."""
        with self._open() as db:
            rows = db.execute("select path, digest, problems from file").fetchall()
        return {path: (digest, json.loads(problems)) for path, digest, problems in rows}

    def put(
        self,
        path: str,
        digest: str,
        problems: Sequence[str],
        title: str,
        rows: Iterable[tuple[int, str, str, str]],
        whole: NDArray[np.float32],
        bare: NDArray[np.float32],
    ) -> None:
        """Store a document in place of its former state. `rows`: block, text, heading, source of each
        sentence; `whole`: their meaning under their headings, `bare`: without, both of shape (sentences,
        dimensions)."""
        with self._open() as db:
            db.execute("begin immediate")
            if db.execute("select 1 from file where path = ? and digest = ?", (path, digest)).fetchone():
                return  # another load was quicker
            self._remove(db, path)
            file = db.execute(
                "insert into file (path, digest, problems, title) values (?, ?, ?, ?)",
                (path, digest, json.dumps(problems), title),
            ).lastrowid
            first = db.execute("select coalesce(max(id), 0) + 1 from sentence").fetchone()[0]
            stored = [(first + place, file, place, *row) for place, row in enumerate(rows)]
            db.executemany("insert into sentence values (?, ?, ?, ?, ?, ?, ?)", stored)
            db.executemany(
                "insert into words (rowid, text, heading) values (?, ?, ?)",
                ((row[0], row[4], row[5]) for row in stored),
            )
            db.executemany(
                "insert into meaning (rowid, whole, bare) values (?, ?, ?)",
                (
                    (row[0], _bytes(one), _bytes(two))
                    for row, one, two in zip(stored, whole, bare, strict=True)
                ),
            )

    def remove(self, path: str) -> None:
        """Take a document out. `scrub` makes that final."""
        with self._open() as db:
            db.execute("begin immediate")
            self._remove(db, path)

    def scrub(self) -> bool:
        """Wipe what removed documents left in the file and its log; False where somebody who reads or
        writes just now keeps that from being done, and the next time has to do it."""
        with self._open() as db:
            due = db.execute("select value from meta where key = 'scrub'").fetchone()
            if not due:
                return True
            try:
                db.execute("begin immediate")
                db.execute("insert into words (words) values ('rebuild')")
                db.execute("insert into words (words) values ('optimize')")
                db.commit()
                db.execute("vacuum")
                if db.execute("pragma wal_checkpoint(truncate)").fetchone()[0]:
                    return False
                db.execute("delete from meta where key = 'scrub' and value = ?", due)
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                    raise
                return False
        return True

    def near(self, row: NDArray[np.float32], most: int) -> list[int]:
        """The sentences nearest in meaning, nearest first."""
        with self._open() as db:
            query = "select rowid from meaning where whole match ? and k = ? order by distance"
            return [id for (id,) in db.execute(query, (_bytes(row), most))]

    def worded(self, words: Sequence[str], most: int) -> list[int]:
        """The sentences that share most of the words, the rarer the better, best first."""
        if not words:
            return []
        with self._open() as db:
            query = "select rowid from words where words match ? order by bm25(words, 1.0, 0.7) limit ?"
            return [id for (id,) in db.execute(query, (" OR ".join(map(_quoted, words)), most))]

    def holding(self, word: str, ids: Sequence[int]) -> tuple[int, set[int]]:
        """In how many sentences a word or another form of it is, in text or heading; and which of `ids` are
        among them."""
        among = ", ".join(str(int(id)) for id in ids)
        with self._open() as db:
            query = "select count(*) from words where words match ?"
            (count,) = db.execute(query, (_quoted(word),)).fetchone()
            query = f"select rowid from words where words match ? and rowid in ({among})"
            return count, {id for (id,) in db.execute(query, (_quoted(word),))}

    def rows(self, ids: Iterable[int]) -> dict[int, Row]:
        with self._open() as db:
            query = "select id, file, place, block, text, heading, source from sentence where id = ?"
            found = [db.execute(query, (id,)).fetchone() for id in ids]
        return {row[0]: Row(*row) for row in found if row}

    def meanings(self, ids: Sequence[int]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The meaning of sentences under their headings and without, each of shape (len(ids), dimensions)."""
        with self._open() as db:
            query = "select whole, bare from meaning where rowid = ?"
            found = [db.execute(query, (id,)).fetchone() for id in ids]
        none = bytes(4 * self._dimensions)
        both = [np.frombuffer(b"".join((row or (none, none))[k] for row in found), "<f4") for k in (0, 1)]
        return both[0].reshape(-1, self._dimensions), both[1].reshape(-1, self._dimensions)

    def titles(self) -> dict[int, str]:
        """What each document is called by its outermost headings, by its number."""
        with self._open() as db:
            return dict(db.execute("select id, title from file"))

    def beside(self, row: Row) -> tuple[Row | None, Row | None]:
        """The sentences before and after in the same document."""
        near = self.rows((row.id - 1, row.id + 1))
        before, after = near.get(row.id - 1), near.get(row.id + 1)
        return (
            before if before and before.file == row.file else None,
            after if after and after.file == row.file else None,
        )

    def size(self) -> int:
        """Sentences."""
        with self._open() as db:
            return int(db.execute("select count(*) from sentence").fetchone()[0])

    def _clear(self, db: sqlite3.Connection) -> None:
        for (path,) in db.execute("select path from file").fetchall():
            self._remove(db, path)

    def _remove(self, db: sqlite3.Connection, path: str) -> None:
        file = db.execute("select id from file where path = ?", (path,)).fetchone()
        if not file:
            return
        db.execute(
            "insert into words (words, rowid, text, heading) "
            "select 'delete', id, text, heading from sentence where file = ?",
            file,
        )
        db.execute("delete from meaning where rowid in (select id from sentence where file = ?)", file)
        db.execute("delete from file where id = ?", file)
        db.execute("insert into meta values ('scrub', 1) on conflict (key) do update set value = value + 1")

    @contextmanager
    def open(self) -> Iterator[None]:
        """What this thread does inside uses one connection: several searches are quicker so."""
        with self._open() as db:
            self._thread.db = db
            try:
                yield
            finally:
                del self._thread.db

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        if held := getattr(self._thread, "db", None):
            yield held
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with closing(connect(self._path, PATIENCE)) as db:
                db.execute("pragma foreign_keys = on")
                db.execute("pragma secure_delete = on")
                db.execute("pragma synchronous = full")
                db.execute("pragma mmap_size = 268435456")
                with db:
                    yield db
        except (OSError, sqlite3.Error) as error:
            raise StorageError(
                f"the documents' index {self._path} cannot be used ({error})",
                "free some space on the disk, or delete the file: it is made anew from the documents",
            ) from error


def _bytes(row: NDArray[np.float32]) -> bytes:
    return np.ascontiguousarray(row, dtype="<f4").tobytes()


def _quoted(word: str) -> str:
    return '"' + word.replace('"', '""') + '"'


def _write_ahead(db: sqlite3.Connection) -> None:
    """Where two open a new file at once, SQLite tells the second that it is busy and does not wait."""
    latest = time.monotonic() + PATIENCE
    while True:
        try:
            db.execute("pragma journal_mode = wal")
            return
        except sqlite3.OperationalError:
            if time.monotonic() > latest:
                raise
            time.sleep(0.02)
