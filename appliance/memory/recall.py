"""What came of earlier conversations, found again: by person first, then by words (FTS5) and by meaning
(sqlite-vec), fused by rank.

The recollections themselves are rows of the box's own file, written as a conversation ends; what they are
found by lies in a file of its own, which follows them and can be made anew."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

import numpy as np

from appliance.engines import Embed
from appliance.engines.thread import EngineThread
from appliance.errors import StorageError
from appliance.memory.key import key_of
from appliance.memory.sqlite import sqlite3
from appliance.memory.store import Store
from appliance.memory.vectors import connect

EVERYBODY = -1
"""Whose recollections staff may ask for."""

NEAR = 0.38
"""Likeness in meaning, 0 to 1, from which something may be meant that shares no word with the question."""

MOST = 20
"""Recollections that either way of searching brings."""

DAMPED = 60
"""Ranks that count about as much as the first: the usual constant of rank fusion."""

PATIENCE = 10.0
"""Seconds to wait for another writer."""

SCHEMA = """
create table if not exists meta (key text primary key, value) without rowid;
create table if not exists known (id integer primary key, person integer not null, text text not null);
create virtual table if not exists words using fts5 (
  text, content = 'known', content_rowid = 'id', tokenize = 'porter unicode61 remove_diacritics 2'
);
"""

ASKING = frozenset(
    "a about again ago all already an and any anything appointment appointments are ask asked at before"
    " book booked booking call called calling came can change changed come could day did do does done"
    " ever for from get give got had has have here i if in is it know last lately leave left long made"
    " make me message messages mine my of on once or order ordered please previous previously recently"
    " remember remembered say said say see so something tell that the there thing things this time times"
    " to today told up us was we week were what when where whether which who will with yesterday you"
    " your".split()
)
"""Words of questions for what was, which say nothing of it."""

Kind = Literal["deed", "message"]


@dataclass(frozen=True, slots=True)
class Recollection:
    id: int
    at: datetime
    """UTC."""
    kind: Kind
    text: str


class Recall:
    """Blocking. StorageError where the file cannot be used."""

    def __init__(self, store: Store, path: Path, embed: Embed, thread: EngineThread) -> None:
        self._store = store
        self.thread = thread
        """That of the embedding; `find` is to be asked in it."""
        self._path = path
        self._embed = embed

    def keep(self, person: int | None, conversation: str, kind: Kind, text: str) -> None:
        """Remember what came of a conversation."""
        with self._store.write() as db:
            db.execute(
                "insert into recollection (person, conversation, at, kind, text) values (?, ?, ?, ?, ?)",
                person, conversation, self._store.stamp(), kind, text,
            )  # fmt: skip

    def find(self, person: int, question: str) -> Recollection | None:
        """What a question of that person's, or of `EVERYBODY`'s, is after: the newest where it tells no more
        than that; None where nothing fits."""
        words = [word for word in re.findall(r"\w+", question.lower()) if word not in ASKING]
        if not words:
            kind: Kind = "message" if re.search(r"\bmessages?\b", question.lower()) else "deed"
            return self._newest(person, kind)
        self._follow()
        with self._open() as db:
            best = _fused(_worded(db, person, words), self._alike(db, person, " ".join(words)))
        return self._one(best[0]) if best else None

    def forget(self, person: int) -> None:
        """Remove a person's recollections; no byte of them stays."""
        with self._store.write() as db:
            db.execute("delete from recollection where person = ?", person)
        self._store.scrub()
        self._follow()

    def _newest(self, person: int, kind: Kind) -> Recollection | None:
        rows = self._store.read(
            """select id from recollection where kind = ? and (person = ? or ? = -1)
                order by id desc limit 1""",
            kind, person, person,
        )  # fmt: skip
        return self._one(rows[0][0]) if rows else None

    def _one(self, id: int) -> Recollection | None:
        rows = self._store.read("select id, at, kind, text from recollection where id = ?", id)
        return Recollection(id, datetime.fromisoformat(rows[0][1]), *rows[0][2:]) if rows else None

    def _follow(self) -> None:
        """Let the index hold what is remembered, and no byte of what is not any more."""
        rows = self._store.read("select id, coalesce(person, 0), text from recollection")
        kept = {id: (person, text) for id, person, text in rows}
        with self._open() as db:
            db.execute("begin immediate")
            there = dict(db.execute("select id, person from known"))
            gone = [(id,) for id in there if id not in kept]
            for each in gone:
                db.execute(
                    """insert into words (words, rowid, text)
                        select 'delete', id, text from known where id = ?""",
                    each,
                )
            db.executemany("delete from meaning where rowid = ?", gone)
            db.executemany("delete from known where id = ?", gone)
            new = [(id, *kept[id]) for id in kept if id not in there]
            if new:
                meanings = self._embed.embed([text for _, _, text in new])
                for (id, person, text), meaning in zip(new, meanings, strict=True):
                    db.execute("insert into known values (?, ?, ?)", (id, person, text))
                    db.execute("insert into words (rowid, text) values (?, ?)", (id, text))
                    db.execute(
                        "insert into meaning (rowid, person, meaning) values (?, ?, ?)",
                        (id, person, np.ascontiguousarray(meaning, dtype="<f4").tobytes()),
                    )
            db.commit()
            if gone:
                db.execute("insert into words (words) values ('rebuild')")
                db.execute("insert into words (words) values ('optimize')")
                db.execute("vacuum")
                db.execute("pragma wal_checkpoint(truncate)")

    def _alike(self, db: sqlite3.Connection, person: int, what: str) -> list[int]:
        """The recollections nearest in meaning, nearest first."""
        meaning = np.ascontiguousarray(self._embed.embed([what])[0], dtype="<f4").tobytes()
        whose = "" if person == EVERYBODY else "and person = ?"
        rows = db.execute(
            f"select rowid, distance from meaning where meaning match ? and k = ? {whose} order by distance",
            (meaning, MOST, *([] if person == EVERYBODY else [person])),
        )
        return [id for id, distance in rows if 1 - distance >= NEAR]

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with closing(connect(self._path, PATIENCE, key_of(self._path.parent))) as db:
                db.execute("pragma secure_delete = on")
                db.execute("pragma journal_mode = wal")
                for statement in SCHEMA.split(";\n"):
                    db.execute(statement)
                self._vectors(db)
                yield db
        except (OSError, sqlite3.Error) as error:
            raise StorageError(
                f"the index of recollections {self._path} cannot be used ({error})",
                "free some space on the disk, or delete the file: it is made anew",
            ) from error

    def _vectors(self, db: sqlite3.Connection) -> None:
        """Begin anew where another model's meanings are in it."""
        probe = np.ascontiguousarray(self._embed.embed(["what I booked"])[0], dtype="<f4").tobytes()
        kept = db.execute("select value from meta where key = 'probe'").fetchone()
        if kept and kept[0] == probe:
            return
        db.execute("drop table if exists meaning")
        db.execute("insert into words (words) values ('delete-all')")
        db.execute("delete from known")
        db.execute(
            f"""create virtual table meaning using vec0 (
                person integer partition key,
                meaning float[{self._embed.dimensions}] distance_metric=cosine)"""
        )
        db.execute("insert or replace into meta values ('probe', ?)", (probe,))


def _worded(db: sqlite3.Connection, person: int, words: list[str]) -> list[int]:
    """The recollections that share most of the words, the rarer the better, best first."""
    rows = db.execute(
        """select words.rowid from words join known on known.id = words.rowid
            where words match ? and (person = ? or ? = -1) order by bm25(words) limit ?""",
        (" OR ".join(f'"{word}"' for word in words), person, person, MOST),
    )
    return [id for (id,) in rows]


def _fused(*rankings: list[int]) -> list[int]:
    """One ranking of several: what stands high in each goes first; of equals the newest."""
    scores: dict[int, float] = {}
    for ranking in rankings:
        for rank, id in enumerate(ranking):
            scores[id] = scores.get(id, 0.0) + 1 / (DAMPED + rank)
    return sorted(scores, key=lambda id: (-scores[id], -id))
