"""What happened, in order. The state of every conversation is a fold over its events.

Kinds that the box itself relies on: `ended` (the conversation is over), `linked` (it belongs to a case),
`paused` and `reopened` (a case can be gone on with, perhaps by a number; it was), `told` (the caller has
heard what was done), `identified` (who the caller is, and how that is known), `confirmed` (a yes to a confirm
line that was played), `agreed` (a yes to being remembered), and the runner's `intent`, `outcome`, `late` and
`refused`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from appliance.memory.store import Database, Store


@dataclass(frozen=True, slots=True)
class Event:
    id: int
    """Grows with time, over all conversations."""
    conversation: str
    at: datetime
    """UTC."""
    kind: str
    data: Mapping[str, Any]


COLUMNS = "id, conversation, at, kind, data"


class EventLog:
    """Append-only. An event that `append` returned for is on the disk."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def append(
        self, conversation: str, kind: str, data: Mapping[str, Any] | None = None, key: str = ""
    ) -> int:
        """Keep an event and return its id. `data` is plain JSON; `key` is what it can be found by."""
        with self.store.write() as db:
            return insert(db, conversation, self.store.stamp(), kind, data or {}, key)

    def confirm(
        self,
        conversation: str,
        action: str,
        arguments: Mapping[str, Any],
        line: str,
        asked: str = "",
        **more: Any,
    ) -> int:
        """Keep that the caller said yes after `line` was PLAYED, and return the id that the runner asks for.
        `arguments` are the very ones that will be run, as plain JSON; `asked` is the confirm line as it was
        to be said: where it was not played whole, the runner takes no yes to it."""
        data = {**more, "action": action, "arguments": dict(arguments), "line": line, "asked": asked or line}
        return self.append(conversation, "confirmed", data)

    def link(self, conversation: str, case: str) -> int:
        """Say that a conversation goes on with a case; the last link counts."""
        return self.append(conversation, "linked", {"case": case}, key=case)

    def get(self, event: int) -> Event | None:
        rows = self.store.read(f"select {COLUMNS} from event where id = ?", event)
        return _event(rows[0]) if rows else None

    def read(self, conversation: str) -> list[Event]:
        """The events of a conversation, oldest first."""
        rows = self.store.read(
            f"select {COLUMNS} from event where conversation = ? order by id", conversation
        )
        return [_event(row) for row in rows]

    def case(self, case: str) -> list[Event]:
        """The events of all conversations of a case, whatever channel they came by, oldest first; of one
        that came to it later, those from then on. A case is named after the conversation that began it."""
        rows = self.store.read(
            f"""select {COLUMNS} from event join (
                select conversation as whose, id as link from event as linked
                where kind = 'linked' and key = ? and id = (
                    select max(id) from event where kind = 'linked' and conversation = linked.conversation))
                on conversation = whose where id >= link or conversation = ? order by id""",
            case, case,
        )  # fmt: skip
        return [_event(row) for row in rows]

    def open_conversations(self) -> list[str]:
        """Those that have no end, oldest first. After a crash: what was under way."""
        rows = self.store.read(
            """select conversation from event where conversation not in (
                select conversation from event where kind = 'ended')
                group by conversation order by min(id)"""
        )
        return [conversation for (conversation,) in rows]


def insert(
    db: Database, conversation: str, at: str, kind: str, data: Mapping[str, Any], key: str = ""
) -> int:
    """Append within a transaction that is under way."""
    rows = db.execute(
        "insert into event (conversation, at, kind, key, data) values (?, ?, ?, ?, ?) returning id",
        conversation, at, kind, key or None, json.dumps(data, ensure_ascii=False, sort_keys=True),
    )  # fmt: skip
    return int(rows[0][0])


def found(db: Database, kind: str, key: str) -> Event | None:
    """The newest event of a kind with a key, within a transaction that is under way."""
    rows = db.execute(
        f"select {COLUMNS} from event where kind = ? and key = ? order by id desc limit 1", kind, key
    )
    return _event(rows[0]) if rows else None


def _event(row: tuple[Any, ...]) -> Event:
    id, conversation, at, kind, data = row
    return Event(id, conversation, datetime.fromisoformat(at), kind, json.loads(data))
