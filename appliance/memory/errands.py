"""People whom the desk has to call: each once, however often it is asked, and not for ever."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from appliance.memory.calendar import instant, wall
from appliance.memory.store import Database, Store, stamp

KEPT = timedelta(days=2)
"""After its time an errand is worth no call any more, where nothing else is said."""


@dataclass(frozen=True, slots=True)
class Errand:
    id: int
    number: str
    what: str
    """What is to be told, as it is said."""
    tries: int
    """Calls made so far."""


class Errands:
    """Blocking. What `put` returned for is on the disk."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def put(
        self, number: str, what: str, due: datetime, until: datetime | None = None, key: str = "",
        conversation: str = "",
    ) -> bool:  # fmt: skip
        """Have somebody called at `due` and, if need be, again until `until`; False where the number wants no
        calls. `key`: given twice, it is done once."""
        with self._store.write() as db:
            return put(db, self._store.stamp(), number, what, due, until, key, conversation)

    def due(self) -> list[Errand]:
        """Those whose time has come, the most urgent first. Those whose time is over are given up."""
        now = self._store.stamp()
        with self._store.write() as db:
            db.execute(
                "update errand set state = 'failed', outcome = 'too late'"
                " where state = 'waiting' and until < ?", now,
            )  # fmt: skip
            rows = db.execute(
                "select id, number, what, tries from errand where state = 'waiting' and due <= ?"
                " and not exists (select 1 from refusal where refusal.number = errand.number)"
                " order by due, id limit 20", now,
            )  # fmt: skip
        return [Errand(*row) for row in rows]

    def begin(self, errand: int) -> None:
        """A call is made for it: that counts even if the box goes down meanwhile."""
        with self._store.write() as db:
            db.execute("update errand set tries = tries + 1, state = 'calling' where id = ?", errand)

    def end(self, errand: int, outcome: str, state: str = "done") -> None:
        """`done`, or `failed` for good."""
        with self._store.write() as db:
            db.execute("update errand set state = ?, outcome = ? where id = ?", state, outcome, errand)

    def again(self, errand: int, outcome: str, due: datetime) -> None:
        """It is tried another time."""
        with self._store.write() as db:
            db.execute(
                "update errand set state = 'waiting', outcome = ?, due = ? where id = ?",
                outcome, stamp(due), errand,
            )  # fmt: skip

    def put_back(self, errand: int) -> None:
        """The call could not be made at all, which is nobody's doing: it does not count."""
        with self._store.write() as db:
            db.execute("update errand set tries = tries - 1, state = 'waiting' where id = ?", errand)

    def recover(self) -> None:
        """At the start: calls that were under way when the box went down may have reached somebody, who is
        not called twice for that."""
        with self._store.write() as db:
            db.execute(
                "update errand set state = 'failed', outcome = 'the box went down' where state = 'calling'"
            )

    def lately(self, hours: float = 24.0) -> int:
        """Calls made, by errands that were put or tried since."""
        since = stamp(self._store.now() - timedelta(hours=hours))
        rows = self._store.read("select coalesce(sum(tries), 0) from errand where due > ?", since)
        return int(rows[0][0])

    def all(self) -> list[tuple[int, str, str, str, int, str]]:
        """Id, number, when it is due (UTC, ISO 8601), state, tries and outcome of each, oldest first."""
        rows = self._store.read("select id, number, due, state, tries, outcome from errand order by id")
        return [(int(a), str(b), str(c), str(d), int(e), str(f)) for a, b, c, d, e, f in rows]


def remind(store: Store, hours: float, word: Callable[[datetime], str]) -> None:
    """Have everybody called once who has an appointment within so many hours, and nobody whose appointment is
    no more, or another. `word` says what stands on the wall clock as it is to be told."""
    now = store.now()
    with store.write() as db:
        db.execute(
            """update errand set state = 'withdrawn' where state = 'waiting' and key like 'reminder %'
                and not exists (select 1 from appointment where state = 'booked'
                and 'reminder ' || reference || ' ' || start = errand.key)"""
        )
        for reference, start, phone in db.execute(
            "select reference, start, phone from appointment where state = 'booked' and phone != ''"
            " and start > ? and start <= ?",
            wall(now.replace(tzinfo=None)), wall(now.replace(tzinfo=None) + timedelta(hours=hours)),
        ):  # fmt: skip
            at = datetime.fromisoformat(start)
            key = f"reminder {reference} {start}"
            put(db, stamp(now), phone, word(at), now, instant(at, now), key)


def put(
    db: Database,
    at: str,
    number: str,
    what: str,
    due: datetime,
    until: datetime | None = None,
    key: str = "",
    conversation: str = "",
) -> bool:
    """`Errands.put` within a transaction that is under way."""
    if db.execute("select 1 from refusal where number = ?", number):
        return False
    db.execute(
        "insert into errand (at, number, what, due, until, key, conversation)"
        " values (?, ?, ?, ?, ?, nullif(?, ''), ?) on conflict (key) do nothing",
        at, number, what, stamp(due), stamp(until or due + KEPT), key, conversation,
    )  # fmt: skip
    return True
