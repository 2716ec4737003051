"""SMS on their way out, and the numbers that want none, nor calls."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from appliance.memory.store import Database, Store, stamp

TRIES = 5
"""Times that a text is tried; a modem that is away costs none."""


@dataclass(frozen=True, slots=True)
class Text:
    id: int
    number: str
    text: str


class Texts:
    """Blocking. What `put` returned for is on the disk and will be sent."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def put(self, number: str, text: str, conversation: str = "", key: str = "") -> bool:
        """Have a text sent; False where the number wants none. `key`: given twice, it is sent once."""
        with self._store.write() as db:
            return put(db, self._store.stamp(), number, text, conversation, key)

    def due(self) -> list[Text]:
        """Those to be sent now, oldest first."""
        rows = self._store.read(
            "select id, number, text from text where state = 'waiting' and not exists "
            "(select 1 from refusal where refusal.number = text.number) order by id limit 20"
        )
        return [Text(*row) for row in rows]

    def sent(self, text: int) -> None:
        self._set(text, "sent")

    def failed(self, text: int) -> None:
        """The network did not take it: it is tried again, a few times."""
        with self._store.write() as db:
            db.execute(
                "update text set tries = tries + 1, state = iif(tries + 1 >= ?, 'failed', 'waiting')"
                " where id = ?", TRIES, text,
            )  # fmt: skip

    def lately(self, number: str = "", hours: float = 1.0) -> int:
        """How many were put for a number, or for all."""
        since = stamp(self._store.now() - timedelta(hours=hours))
        rows = self._store.read(
            "select count(*) from text where at > ? and (? = '' or number = ?)", since, number, number
        )
        return int(rows[0][0])

    def _set(self, text: int, state: str) -> None:
        with self._store.write() as db:
            db.execute("update text set state = ? where id = ?", state, text)


class Refusals:
    """Numbers whose owners want neither calls nor texts from the desk. Blocking."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, number: str, why: str = "") -> None:
        """Never again, until `drop`. What waits to go there is withdrawn."""
        with self._store.write() as db:
            refuse(db, self._store.stamp(), number, why)

    def drop(self, number: str) -> None:
        """Its owner wants to hear from the desk again."""
        with self._store.write() as db:
            db.execute("delete from refusal where number = ?", number)

    def has(self, number: str) -> bool:
        return bool(self._store.read("select 1 from refusal where number = ?", number))

    def all(self) -> list[tuple[str, str, str]]:
        """Number, since when (UTC, ISO 8601), and why."""
        rows = self._store.read("select number, at, why from refusal order by at")
        return [(str(number), str(at), str(why)) for number, at, why in rows]


def put(db: Database, at: str, number: str, text: str, conversation: str = "", key: str = "") -> bool:
    """`Texts.put` within a transaction that is under way."""
    if db.execute("select 1 from refusal where number = ?", number):
        return False
    db.execute(
        "insert into text (at, number, text, conversation, key) values (?, ?, ?, ?, nullif(?, ''))"
        " on conflict (key) do nothing",
        at, number, text, conversation, key,
    )  # fmt: skip
    return True


def refuse(db: Database, at: str, number: str, why: str = "") -> None:
    """`Refusals.add` within a transaction that is under way."""
    db.execute(
        "insert into refusal (number, at, why) values (?, ?, ?) on conflict (number) do nothing",
        number, at, why,
    )  # fmt: skip
    db.execute("update text set state = 'withdrawn' where number = ? and state = 'waiting'", number)
    db.execute("update errand set state = 'refused' where number = ? and state = 'waiting'", number)
