"""What the fleet keeps: one SQLite file. What a box told is a row, once, however often it came. A batch is
one transaction, with its ranges and its sums in it, so none of them ever disagrees with another.

A file for each day would let old days be deleted at once; but SQLite commits to several files one after the
other, and then the sums could disagree with the rows. Old rows are deleted in pieces instead."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from appliance.errors import StorageError
from appliance.fleet.ailments import ALL, ailments
from appliance.fleet.histogram import bucket
from appliance.fleet.schema import migrate
from appliance.telemetry.wire import Message

RAW = 7 * 86_400_000
MINUTES = 90 * 86_400_000
HOURS = 2 * 365 * 86_400_000
"""Milliseconds for which messages, sums of a minute and sums of an hour are kept."""

MINUTE, HOUR = 60_000, 3_600_000

PIECE = 5_000
"""Rows that are deleted at a time."""

FUTURE = 600_000
"""Milliseconds by which the clock of a box may be ahead."""

Range = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Told:
    device: str
    message: Message
    received: int
    """Milliseconds since 1970, UTC, by the clock here."""


@dataclass(slots=True)
class Committed:
    acks: dict[tuple[str, str], tuple[int, list[Range]]] = field(default_factory=dict)
    """Of each (device, boot): all to this number is stored or given up by the box, and these ranges are."""
    counts: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    """stored, replayed, foreign, future."""


class Store:
    """Safe for use from several threads and processes; what `commit` returned from is on the disk.
    StorageError where it cannot be opened, read or written."""

    def __init__(self, path: Path, now: Callable[[], float] = time.time) -> None:
        self.path = path
        self._now = now
        self._lock = threading.RLock()
        self._reading = threading.RLock()
        with self._plain_errors():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = self._connect()
            self._db.execute("pragma journal_mode = wal")
            migrate(self._db)
            # Who looks at the page must not keep what boxes tell waiting.
            self._reader = self._connect()
            self._reader.execute("pragma query_only = on")

    def now(self) -> int:
        """Milliseconds since 1970, UTC."""
        return round(self._now() * 1000)

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """One transaction."""
        with self._lock, self._plain_errors():
            self._db.execute("begin immediate")
            try:
                yield self._db
                self._db.execute("commit")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("rollback")
                raise

    def read(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        with self._reading, self._plain_errors():
            return self._reader.execute(sql, values).fetchall()

    def _connect(self) -> sqlite3.Connection:
        db = sqlite3.connect(self.path, timeout=10, isolation_level=None, check_same_thread=False)
        db.execute("pragma synchronous = full")
        db.execute("pragma foreign_keys = on")
        db.execute("pragma cache_size = -65536")
        return db

    def commit(self, batch: Sequence[Told]) -> Committed:
        """Keep a batch, and say what is to be acknowledged. What is there already is acknowledged again."""
        done = Committed()
        with self.write() as db:
            boxes = self._boxes(db, {told.device for told in batch})
            groups: dict[tuple[str, str], list[Told]] = defaultdict(list)
            for told in batch:
                if told.device in boxes:
                    groups[told.device, told.message.boot].append(told)
                else:
                    done.counts["foreign"] += 1
            latency: dict[tuple[int, int, int, int], int] = defaultdict(int)
            for (device, boot), of_boot in groups.items():
                self._keep(db, boxes[device], device, boot, of_boot, done, latency)
            db.executemany(
                """insert into latency (box, span, at, bucket, n) values (?, ?, ?, ?, ?)
                    on conflict (box, span, at, bucket) do update set n = n + excluded.n""",
                [(*key, n) for key, n in latency.items()],
            )
            heard = {boxes[told.device]: told.received for told in batch if told.device in boxes}
            db.executemany(
                "update box set seen = max(seen, ?) where id = ?", [(at, box) for box, at in heard.items()]
            )
        return done

    def _boxes(self, db: sqlite3.Connection, names: set[str]) -> dict[str, int]:
        """Those that are of this fleet, and not revoked."""
        marks = ",".join("?" * len(names))
        return dict(
            db.execute(f"select name, id from box where state = 'member' and name in ({marks})", [*names])
        )

    def _keep(
        self,
        db: sqlite3.Connection,
        box: int,
        device: str,
        boot: str,
        batch: Sequence[Told],
        done: Committed,
        latency: dict[tuple[int, int, int, int], int],
    ) -> None:
        [(number,)] = db.execute(
            """insert into boot (box, id, at) values (?, ?, ?)
                on conflict (box, id) do update set at = at returning number""",
            (box, boot, batch[0].received),
        )
        had: list[Range] = db.execute(
            "select first, last from seen where boot = ? order by first", (number,)
        ).fetchall()
        for told in batch:
            message = told.message
            at = message.ts
            if at > told.received + FUTURE:
                done.counts["future"] += 1
                at = told.received
            stored = db.execute(
                """insert into message (boot, seq, at, received, kind, data) values (?, ?, ?, ?, ?, ?)
                    on conflict do nothing returning id""",
                (number, message.seq, at, told.received, message.kind, _json(message.data)),
            ).fetchall()
            # Rows are deleted after some days; that they were there is known for ever.
            if not stored or _within(had, message.seq):
                done.counts["replayed"] += 1
                db.executemany("delete from message where id = ?", stored)
                continue
            done.counts["stored"] += 1
            self._learn(db, box, at, told, number, latency)
        got = [(told.message.seq, told.message.seq) for told in batch]
        got += [
            (first, last)
            for told in batch
            if told.message.kind == "dropped" and told.message.data["boot"] == boot
            for first, last in told.message.data["ranges"]
            if first <= last
        ]
        merged = merge([*had, *got])
        if merged != had:
            db.execute("delete from seen where boot = ?", (number,))
            db.executemany("insert into seen values (?, ?, ?)", [(number, *each) for each in merged])
        done.acks[device, boot] = _ack(merged, [told.message.seq for told in batch])

    def _learn(
        self,
        db: sqlite3.Connection,
        box: int,
        at: int,
        told: Told,
        boot: int,
        latency: dict[tuple[int, int, int, int], int],
    ) -> None:
        """What a message that is new changes of what is known of its box."""
        data = told.message.data
        kind = told.message.kind
        if kind in ("began", "health", "reported", "fault"):
            what = f"{data['what']} is off" if kind == "fault" else kind
            # A clock that was ahead is no reason to think nothing new of the box until it is that late.
            moment = min(at, told.received)
            if not self._newest(db, box, what, boot, told.message.seq, moment):
                return
        match kind:
            case "began":
                # What was off at the start before is told again if it still is.
                db.execute(
                    """delete from fault where box = ? and cause in (
                        select what from known
                            where box = ? and boot != ? and (boot < ? or at <= ?))""",
                    (box, box, boot, boot, moment),
                )
                self._know(db, box, version=data["version"], desk=data["desk"], began=_json(data))
            case "health":
                self._know(
                    db, box, health=_json(data), calls=data.get("calls", 0), outbox=data.get("oldest", 0)
                )
                self._ail(db, box, at, ailments(data))
            case "fault" if data["on"]:
                db.execute("delete from fault where box = ? and cause = ?", (box, f"{data['what']} is off"))
            case "fault":
                db.execute(
                    """insert into fault (box, cause, since, why) values (?, ?, ?, ?)
                        on conflict (box, cause) do update set why = excluded.why""",
                    (box, f"{data['what']} is off", at, data.get("why", "")),
                )
            case "call":
                day = at // 86_400_000
                db.execute(
                    """insert into outcome (day, box, outcome, n) values (?, ?, ?, 1)
                        on conflict (day, box, outcome) do update set n = n + 1""",
                    (day, box, data["outcome"]),
                )
            case "turn" if data.get("wait") is not None:
                found = bucket(data["wait"])
                latency[0, MINUTE, at // MINUTE * MINUTE, found] += 1
                latency[0, HOUR, at // HOUR * HOUR, found] += 1
                latency[box, HOUR, at // HOUR * HOUR, found] += 1
            case "reported":
                self._know(db, box, desk=data["desk"], reported=_json(data), serial=data["serial"])
            case "answer":
                db.execute(
                    # That it has expired is a guess of ours until the box says what came of it.
                    """update command set state = ?1, result = ?2, answered = ?3 where id = ?4 and box = ?5
                        and (answered is null or state = 'received' or (state = 'running'
                            and ?1 != 'received'))""",
                    (data["state"], data.get("result", ""), told.received, data["id"], box),
                )
            case "dropped" if told.message.boot != data["boot"]:
                self._given_up(db, box, data)

    def _newest(self, db: sqlite3.Connection, box: int, what: str, boot: int, seq: int, at: int) -> bool:
        """Whether nothing that was made later has told of this, or of a later start, already. In one start
        the numbers decide. Of two starts the earlier is the one that came first to the fleet and is so by
        the clock of the box, which may have no battery."""
        return bool(
            db.execute(
                """insert into known (box, what, boot, seq, at) select ?1, ?2, ?3, ?4, ?5
                    where not exists (select 1 from known
                        where box = ?1 and what = 'began' and boot > ?3 and at > ?5)
                    on conflict (box, what) do update
                        set boot = excluded.boot, seq = excluded.seq, at = excluded.at
                        where case when boot = excluded.boot then seq < excluded.seq
                            else boot < excluded.boot or at <= excluded.at end
                    returning 1""",
                (box, what, boot, seq, at),
            ).fetchall()
        )

    def _ail(self, db: sqlite3.Connection, box: int, at: int, causes: Sequence[str]) -> None:
        over = [(box, cause) for cause in ALL if cause not in causes]
        db.executemany("delete from fault where box = ? and cause = ?", over)
        db.executemany(
            "insert into fault (box, cause, since) values (?, ?, ?) on conflict do nothing",
            [(box, cause, at) for cause in causes],
        )

    def _given_up(self, db: sqlite3.Connection, box: int, data: Mapping[str, Any]) -> None:
        """A start of a box before this one has numbers that will never come."""
        for (number,) in db.execute(
            "select number from boot where box = ? and id = ?", (box, data["boot"])
        ).fetchall():
            had = db.execute("select first, last from seen where boot = ?", (number,)).fetchall()
            merged = merge([*had, *((a, b) for a, b in data["ranges"] if a <= b)])
            db.execute("delete from seen where boot = ?", (number,))
            db.executemany("insert into seen values (?, ?, ?)", [(number, *each) for each in merged])

    def _know(self, db: sqlite3.Connection, box: int, **columns: Any) -> None:
        names = ", ".join(f"{name} = ?" for name in columns)
        db.execute(f"update box set {names} where id = ?", (*columns.values(), box))

    def heard(self, states: Mapping[str, tuple[bool, int]]) -> None:
        """Whether boxes are there, and when that was known."""
        with self.write() as db:
            db.executemany(
                "update box set online = ?, seen = max(seen, ?) where name = ? and state = 'member'",
                [(online, at, device) for device, (online, at) in states.items()],
            )

    def count(self, counts: Mapping[str, int]) -> None:
        """Add to what is counted: what came, and what was wrong with it."""
        with self.write() as db:
            db.executemany(
                """insert into counter (name, n) values (?, ?)
                    on conflict (name) do update set n = n + excluded.n""",
                list(counts.items()),
            )

    def prune(self) -> int:
        """Delete a piece of what is too old; how many rows that were. Again, until it is none."""
        now = self.now()
        with self.write() as db:
            gone = db.execute(
                "delete from message where id in (select id from message where received < ? limit ?)",
                (now - RAW, PIECE),
            ).rowcount
            for span, kept in ((MINUTE, MINUTES), (HOUR, HOURS)):
                gone += db.execute(
                    """delete from latency where rowid in (
                        select rowid from latency where span = ? and at < ? limit ?)""",
                    (span, now - kept, PIECE),
                ).rowcount
            return gone

    def close(self) -> None:
        """Safe to repeat."""
        with self._lock, self._reading, suppress(sqlite3.Error):
            self._reader.close()
            self._db.execute("pragma wal_checkpoint(truncate)")
            self._db.close()

    @contextmanager
    def _plain_errors(self) -> Iterator[None]:
        try:
            yield
        except (OSError, sqlite3.Error) as error:
            raise StorageError(
                f"{self.path} cannot be read or written ({error})",
                "free some space on the disk, or mend the file's rights",
            ) from error


def merge(ranges: Sequence[Range]) -> list[Range]:
    """As few ranges as hold the same numbers, in rising order."""
    found: list[Range] = []
    for first, last in sorted(ranges):
        if found and first <= found[-1][1] + 1:
            found[-1] = found[-1][0], max(found[-1][1], last)
        else:
            found.append((first, last))
    return found


def _within(ranges: Sequence[Range], number: int) -> bool:
    return any(first <= number <= last for first, last in ranges)


def _ack(ranges: Sequence[Range], numbers: Sequence[int]) -> tuple[int, list[Range]]:
    """All to a number, and the ranges beyond it that hold some of these."""
    upto = ranges[0][1] if ranges and ranges[0][0] == 1 else 0
    beyond = [each for each in ranges if each[0] > upto and any(each[0] <= n <= each[1] for n in numbers)]
    return upto, beyond[:100]


def _json(data: Mapping[str, Any]) -> str:
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"))
