"""What the fleet keeps. What a box told is there once, however often it came. A batch is one transaction,
with its ranges and its sums in it, so none of them ever disagrees with another."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from appliance.fleet.keeping.hourly import HOUR
from appliance.fleet.keeping.learning import MINUTE, Learning, plain
from appliance.fleet.keeping.ledger import Ledger, Range
from appliance.fleet.storage.database import DAY, Kept, Row, Writing, marks, opened
from appliance.telemetry.wire import Message

RAW = 7 * DAY
MINUTES = 90 * DAY
HOURS = 2 * 365 * DAY
"""Milliseconds for which messages, sums of a minute and sums of an hour are kept."""

ASKED = 90 * DAY
"""Milliseconds for which it is known what boxes were asked, and which desk files they were to have."""

PIECE = 5_000
"""Rows that are deleted at a time."""

FUTURE = 600_000
"""Milliseconds by which the clock of a box may be ahead."""


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

    def __init__(self, where: Path | str, now: Callable[[], float] = time.time) -> None:
        """`where`: the path of a file, or `postgresql://USER@HOST/NAME`."""
        self.where = where
        self._now = now
        self._database = opened(where, now)

    def now(self) -> int:
        """Milliseconds since 1970, UTC."""
        return round(self._now() * 1000)

    def write(self) -> AbstractContextManager[Writing]:
        """One transaction."""
        return self._database.write()

    def read(self, sql: str, *values: Any) -> list[Row]:
        return self._database.read(sql, *values)

    def commit(self, batch: Sequence[Told]) -> Committed:
        """Keep a batch, and say what is to be acknowledged. What is there already is acknowledged again."""
        done = Committed()
        with self.write() as db:
            boxes = self._boxes(db, {told.device for told in batch})
            ours = [told for told in batch if told.device in boxes]
            if len(ours) < len(batch):
                done.counts["foreign"] = len(batch) - len(ours)
            if not ours:
                return done
            groups: dict[tuple[str, str], list[int]] = defaultdict(list)
            for told in ours:
                groups[told.device, told.message.boot].append(told.message.seq)
            ledger = Ledger(db, [(boxes[name], boot) for name, boot in groups], ours[0].received)
            learning = Learning(db, sorted(boxes.values()), ledger)
            kept: list[Kept] = []
            for told in ours:
                box, message = boxes[told.device], told.message
                boot = ledger.number(box, message.boot)
                learning.know(box, seen=told.received)
                if not ledger.take(boot, message.seq):
                    done.counts["replayed"] += 1
                    continue
                done.counts["stored"] += 1
                at = message.ts
                if at > told.received + FUTURE:
                    done.counts["future"] += 1
                    at = told.received
                kept.append((boot, message.seq, at, told.received, message.kind, plain(message.data)))
                learning.learn(box, boot, message, at, told.received)
            learning.write()
            ledger.write()
            self._database.keep(db, kept)
            for (name, boot_id), numbers in groups.items():
                done.acks[name, boot_id] = ledger.ack(ledger.number(boxes[name], boot_id), numbers)
        return done

    def _boxes(self, db: Writing, names: set[str]) -> dict[str, int]:
        """Those that are of this fleet, and not revoked; no other worker takes what they told meanwhile."""
        return dict(
            db.execute(
                f"""select name, id from box where state = 'member' and name in ({marks(len(names))})
                    order by id {self._database.held}""",
                [*names],
            ).fetchall()
        )

    def heard(self, states: Mapping[str, tuple[bool, int]]) -> None:
        """Whether boxes are there, and when that was known. A broker says again of who has long been away
        that he is, to each worker that comes: that is no word of his."""
        with self.write() as db:
            boxes = self._boxes(db, set(states))
            db.executemany(
                """update box set online = ?, seen = max(seen, case when ? + online > 0 then ? else 0 end)
                    where id = ?""",
                [(int(on), int(on), at, boxes[name]) for name, (on, at) in states.items() if name in boxes],
            )

    def size(self) -> int:
        """How many boxes are of this fleet."""
        [(count,)] = self.read("select count(*) from box where state = 'member'")
        return int(count)

    def count(self, counts: Mapping[str, int]) -> None:
        """Add to what is counted: what came, and what was wrong with it."""
        with self.write() as db:
            db.executemany(
                """insert into counter (name, n) values (?, ?)
                    on conflict (name) do update set n = counter.n + excluded.n""",
                sorted(counts.items()),
            )

    def prune(self) -> int:
        """Delete a piece of what is too old; how much that was. Again, until it is nothing."""
        now = self.now()
        gone = self._database.forget(now - RAW)
        for sql, before in (
            (_piece("latency", "box, span, at, bucket", f"span = {MINUTE} and at < ?"), now - MINUTES),
            (_piece("latency", "box, span, at, bucket", f"span = {HOUR} and at < ?"), now - HOURS),
            (_piece("hourly", "at, box, what", "at < ?"), now - HOURS),
            (_piece("outcome", "day, box, outcome", f"day * {DAY} < ?"), now - HOURS),
            (_piece("question", "id", "received < ?"), now - RAW),
            (_piece("command", "id", "at < ?"), now - ASKED),
            # What a box is to have, it is to have however long ago that was said.
            (
                _piece("desired", "serial", "at < ? and serial not in (select wanted_serial from box)"),
                now - ASKED,
            ),
        ):
            with self.write() as db:
                gone += db.execute(sql, (before, PIECE)).rowcount
        return gone

    def close(self) -> None:
        """Safe to repeat."""
        self._database.close()


def _piece(table: str, key: str, test: str) -> str:
    return f"delete from {table} where ({key}) in (select {key} from {table} where {test} limit ?)"
