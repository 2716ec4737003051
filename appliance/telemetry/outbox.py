"""What the fleet is to be told, on the disk until the fleet has it on its own."""

from __future__ import annotations

import json
import logging
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from appliance.memory.store import Database, Store
from appliance.telemetry import wire
from appliance.telemetry.wire import KINDS, LARGEST, BadMessage, Message

log = logging.getLogger(__name__)

LEVELS = ("detail", "record", "alert")

ROOM = 64 << 20
"""Bytes that the messages may take; about 30 days of a busy desk."""

EACH = 100
"""Bytes that a message takes beside its data."""

DAYS = 30

PIECE = 500
"""Messages that are dropped at a time: so much room is made when there is none."""

COUNTED = 10_000

HOLES = 100
"""Ranges that one message tells of."""

Range = tuple[int, int]
"""From and to, both included."""


@dataclass(frozen=True, slots=True)
class Waiting:
    count: int
    """COUNTED stands for as many or more."""
    oldest: float
    """Seconds since the oldest was made; 0 where there is none."""


class Outbox:
    """Of one start of a box. What is put in lies there when the transaction that it was put in by has ended,
    and stays until `acked`. (boot, seq) has no gaps. Where there is no room, or after 30 days, the oldest
    details go, then the oldest records, and the fleet is told which; alerts stay. StorageError where the disk
    does not take it."""

    def __init__(self, store: Store, room: int = ROOM, days: float = DAYS) -> None:
        self._store = store
        self._room = room
        self._days = days
        self.boot = secrets.token_hex(8)
        with store.write() as db:
            db.execute(
                "delete from boot where number not in (select boot from outbox)"
                " and number < (select max(number) from boot)"
            )
            rows = db.execute("select id, last from boot order by number desc limit 1")
            self.before = {"boot": rows[0][0], "last": rows[0][1]} if rows else None
            """The start before this one, and its last message."""
            [(self._number,)] = db.execute(
                "insert into boot (id, at) values (?, ?) returning number", self.boot, store.stamp()
            )
            self._bytes = self._sum(db)

    def put(self, db: Database, kind: str, data: Mapping[str, Any]) -> None:
        """Tell the fleet, within a transaction that is under way. What no fleet would take is a mistake of
        the program's; it is logged, and keeps nobody from being answered."""
        try:
            # A file's name may be no Unicode; and a number that is none would keep all the others waiting.
            text = wire.pack(data, errors="replace").decode()
            wire.check(json.loads(text), kind)
            if len(text.encode()) > LARGEST - 200:
                raise BadMessage("huge", "it is too long")
        except (BadMessage, ValueError) as error:
            log.error("the fleet is not told of %s: %s", kind, error)
            return
        self._bytes += len(text) + EACH
        if self._bytes > self._room:
            # What was counted for transactions that were then undone is not there.
            self._bytes = self._sum(db) + len(text) + EACH
        if self._bytes > self._room:
            self._make_room(db)
        self._put(db, kind, text)

    def tell(self, kind: str, data: Mapping[str, Any]) -> None:
        """The same, in a transaction of its own. A detail is not worth a write of the disk's own."""
        with self._store.write(durable=KINDS[kind].level != "detail") as db:
            self.put(db, kind, data)

    def next(self, most: int, unless: frozenset[tuple[str, int]] = frozenset()) -> list[Message]:
        """The oldest that wait; `unless` names those that are under way. Alerts come first."""
        found: list[Message] = []
        for level in ("level = 2", "level < 2"):
            rows = self._store.read(
                f"""select id, seq, ts, kind, data from outbox join boot on boot = number
                    where {level} order by boot, seq limit ?""",
                most + len(unless),
            )
            found += [Message(boot, seq, ts, kind, json.loads(data)) for boot, seq, ts, kind, data in rows]
        return [message for message in found if (message.boot, message.seq) not in unless][:most]

    def acked(self, boot: str, upto: int, also: Iterable[Sequence[int]] = ()) -> None:
        """The fleet has all of a start up to `upto`, and these ranges. What a power cut takes of that is told
        twice, which the fleet knows."""
        with self._store.write(durable=False) as db:
            for first, last in ((0, upto), *also):
                gone = db.execute(
                    """delete from outbox where boot = (select number from boot where id = ?)
                        and seq between ? and ? returning length(data)""",
                    boot, first, last,
                )  # fmt: skip
                self._bytes -= sum(length + EACH for (length,) in gone)

    def trim(self) -> None:
        """Drop what is older than 30 days."""
        before = _milliseconds(self._store.now() - timedelta(days=self._days))
        with self._store.write() as db:
            gone = db.execute(
                """delete from outbox where ts < ? and level < 2
                    returning (select id from boot where number = boot), seq, length(data)""",
                before,
            )
            self._dropped(db, gone)

    def waiting(self) -> Waiting:
        [(count,)] = self._store.read("select count(*) from (select 1 from outbox limit ?)", COUNTED)
        first = self._store.read("select ts from outbox order by boot, seq limit 1")
        now = _milliseconds(self._store.now())
        return Waiting(count, max(0.0, (now - first[0][0]) / 1000) if first else 0.0)

    def _sum(self, db: Database) -> int:
        [(taken,)] = db.execute(f"select coalesce(sum(length(data) + {EACH}), 0) from outbox")
        return int(taken)

    def _put(self, db: Database, kind: str, text: str) -> None:
        [(seq,)] = db.execute("update boot set last = last + 1 where number = ? returning last", self._number)
        db.execute(
            "insert into outbox (boot, seq, ts, kind, level, data) values (?, ?, ?, ?, ?, ?)",
            self._number, seq, _milliseconds(self._store.now()), kind, LEVELS.index(KINDS[kind].level), text,
        )  # fmt: skip

    def _make_room(self, db: Database) -> None:
        gone = db.execute(
            """delete from outbox where (boot, seq) in (
                select boot, seq from outbox where level < 2 order by level, boot, seq limit ?)
                returning (select id from boot where number = boot), seq, length(data)""",
            PIECE,
        )
        self._dropped(db, gone)

    def _dropped(self, db: Database, gone: list[tuple[Any, ...]]) -> None:
        """Tell which are gone for ever, so that the fleet does not wait for them. What was told of that
        before, and waits, is told along with it: so it takes no more room however long nobody listens."""
        if not gone:
            return
        log.warning("%d messages to the fleet were dropped: it has not taken any for long", len(gone))
        told = db.execute(
            """delete from outbox where level = 2 and kind = 'dropped'
                returning (select id from boot where number = boot), seq, length(data), data"""
        )
        self._bytes -= sum(row[2] + EACH for row in (*gone, *told))
        holes = [(str(boot), seq, seq) for boot, seq, *_ in (*gone, *told)]
        for *_, data in told:
            before = json.loads(data)
            holes += [(before["boot"], first, last) for first, last in before["ranges"]]
        for boot, of_boot in groupby(sorted(holes), key=lambda hole: hole[0]):
            merged = merge((first, last) for _, first, last in of_boot)
            for start in range(0, len(merged), HOLES):
                piece = {"boot": boot, "ranges": merged[start : start + HOLES]}
                text = json.dumps(piece, separators=(",", ":"))
                self._bytes += len(text) + EACH
                self._put(db, "dropped", text)


def merge(holes: Iterable[Range]) -> list[Range]:
    """Ranges in rising order of where they begin, as few as they can be."""
    found: list[Range] = []
    for first, last in holes:
        if found and first <= found[-1][1] + 1:
            found[-1] = found[-1][0], max(found[-1][1], last)
        else:
            found.append((first, last))
    return found


def _milliseconds(moment: datetime) -> int:
    return max(0, round(moment.timestamp() * 1000))
