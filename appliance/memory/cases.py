"""Cases: what was begun in one conversation and is finished in another, by whatever channel that comes."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

from appliance.errors import StorageError
from appliance.memory.events import Event, EventLog, insert
from appliance.memory.store import Database, Store, stamp

DIGITS = 4
"""Of a case number: short, since it is spoken and kept in mind. It lives for a day, works once, leads to
nothing personal, and few may be tried."""

HOURS = 24
"""For which a case can be gone on with."""

OPEN = """from event as paused where kind = 'paused' and at > ? and not exists (
    select 1 from event where kind = 'reopened' and key = json_extract(paused.data, '$.case')
    and id > paused.id)"""


class Cases:
    """`hours`: how long one can be gone on with."""

    def __init__(self, store: Store, hours: float = HOURS) -> None:
        self._store = store
        self._log = EventLog(store)
        self._hours = hours

    def pause(self, conversation: str) -> None:
        """Let a conversation's case be gone on with by the person whom the desk knows, and by nobody else."""
        with self._store.write() as db:
            self._pause(db, conversation, "")

    def number(self, conversation: str) -> str:
        """The number under which a conversation's case can be gone on with; it gets one if it has none."""
        with self._store.write() as db:
            since = self._since()
            rows = db.execute(
                f"select key {OPEN} and key not null and json_extract(data, '$.case') = ?",
                since, self._case(db, conversation),
            )  # fmt: skip
            if rows:
                return str(rows[0][0])
            number = _unused({key for (key,) in db.execute(f"select key {OPEN}", since)})
            self._pause(db, conversation, number)
            return number

    def of(self, person: int) -> str | None:
        """The newest open case of a person."""
        rows = self._store.read(
            f"""select json_extract(data, '$.case') {OPEN} and exists (
                select 1 from event as who where who.conversation = paused.conversation
                and kind = 'identified' and json_extract(data, '$.person') = ?) order by id desc limit 1""",
            self._since(), person,
        )  # fmt: skip
        return str(rows[0][0]) if rows else None

    def go_on(self, conversation: str, case: str) -> list[Event]:
        """Take a case up in this conversation, and with it all that happened in it; nothing where another
        was quicker. Its number has done its work."""
        with self._store.write() as db:
            if not db.execute(f"select 1 {OPEN} and json_extract(data, '$.case') = ?", self._since(), case):
                return []
            at = self._store.stamp()
            insert(db, conversation, at, "reopened", {"case": case}, case)
            insert(db, conversation, at, "linked", {"case": case}, case)
        return self._log.case(case)

    def story(self, conversation: str) -> list[Event]:
        """Everything that happened in the case of a conversation; in itself, where it belongs to none."""
        links = [event for event in self._log.read(conversation) if event.kind == "linked"]
        return self._log.case(links[-1].data["case"]) if links else self._log.read(conversation)

    def _pause(self, db: Database, conversation: str, number: str) -> None:
        case, at = self._case(db, conversation), self._store.stamp()
        if not self._linked(db, conversation):
            insert(db, conversation, at, "linked", {"case": case}, case)
        insert(db, conversation, at, "paused", {"case": case}, number)

    def _case(self, db: Database, conversation: str) -> str:
        return self._linked(db, conversation) or conversation

    def _linked(self, db: Database, conversation: str) -> str:
        rows = db.execute(
            "select key from event where conversation = ? and kind = 'linked' order by id desc limit 1",
            conversation,
        )
        return str(rows[0][0]) if rows else ""

    def _since(self) -> str:
        return since(self._store.now(), self._hours)


def find(db: Database, number: str, now: datetime, hours: float) -> str | None:
    """The open case with that number, within a transaction that is under way."""
    rows = db.execute(f"select json_extract(data, '$.case') {OPEN} and key = ?", since(now, hours), number)
    return str(rows[0][0]) if rows else None


def since(now: datetime, hours: float) -> str:
    return stamp(now - timedelta(hours=hours))


def _unused(taken: set[str]) -> str:
    for _ in range(1000):
        number = f"{secrets.randbelow(9 * 10 ** (DIGITS - 1)) + 10 ** (DIGITS - 1)}"
        if number not in taken:
            return number
    raise StorageError("there are too many open cases to number another", "let them be finished first")
