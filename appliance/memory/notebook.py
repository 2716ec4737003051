"""What has to reach a person: messages that callers left, and questions that the desk could not answer."""

from __future__ import annotations

from appliance.engines.thread import EngineThread
from appliance.memory.store import Database, Store


class Notebook:
    """Written in a thread of its own. What `message` or `unanswered` returned for is on the disk;
    StorageError where it could not be."""

    def __init__(self, store: Store, thread: EngineThread) -> None:
        self._store = store
        self._thread = thread

    async def message(self, call: str, text: str) -> int:
        """Keep a caller's message; its ticket number."""
        return await self._thread.run(self._message, call, text)

    async def extend(self, ticket: int, text: str) -> None:
        """The caller went on: add to the message."""
        await self._thread.run(self._extend, ticket, text)

    async def unanswered(self, call: str, text: str) -> None:
        """Keep a question that nothing answered."""
        await self._thread.run(add_unanswered, self._store, call, text)

    def messages(self) -> list[tuple[str, str, str]]:
        """Call, time (UTC, ISO 8601) and text of each message, oldest first."""
        return _triples(self._store, "message")

    def questions(self) -> list[tuple[str, str, str]]:
        """The same of each unanswered question."""
        return _triples(self._store, "unanswered")

    def _message(self, call: str, text: str) -> int:
        with self._store.write() as db:
            return add_message(db, call, self._store.stamp(), text)

    def _extend(self, ticket: int, text: str) -> None:
        with self._store.write() as db:
            db.execute("update message set text = text || ' ' || ? where id = ?", text, ticket)


def add_message(
    db: Database, call: str, at: str, text: str, name: str = "", phone: str = "", recipient: str = ""
) -> int:
    """Keep a message within a transaction that is under way, and return its ticket number."""
    rows = db.execute(
        """insert into message (call, at, text, name, phone, recipient)
            values (?, ?, ?, ?, ?, ?) returning id""",
        call, at, text, name, phone, recipient,
    )  # fmt: skip
    return int(rows[0][0])


def add_unanswered(store: Store, call: str, text: str) -> None:
    """Keep a question that nothing answered."""
    with store.write() as db:
        db.tell("unanswered", {"call": call, "text": text})
        db.execute("insert into unanswered (call, at, text) values (?, ?, ?)", call, store.stamp(), text)


def _triples(store: Store, table: str) -> list[tuple[str, str, str]]:
    rows = store.read(f"select call, at, text from {table} order by id")
    return [(str(call), str(at), str(text)) for call, at, text in rows]
