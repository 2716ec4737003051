"""All that `desk.db` holds of one person, whoever the desk takes that to be: found, told, taken out."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from appliance.memory.store import Database, Store, stamp

LEAST = 7
"""Digits from which two numbers are one, if the longer ends with the shorter."""

LASTS = 1.0
"""Days that no call lasts: what is older is not under way any more."""

BY_CONVERSATION = {
    "event": "conversation",
    "message": "call",
    "unanswered": "call",
    "summary": "conversation",
    "recollection": "conversation",
    "appointment": "conversation",
    "callback": "conversation",
    "text": "conversation",
    "errand": "conversation",
}
"""Tables whose rows came of a conversation, and the column that says which."""

NAMED = {
    "person": ("number", "name"),
    "appointment": ("phone", "name"),
    "message": ("phone", "name"),
    "callback": ("phone", "name"),
    "text": ("number", ""),
    "errand": ("number", ""),
    "refusal": ("number", ""),
    "visit": ("", "name"),
}
"""Tables whose rows say whose they are: the columns of number and name."""


@dataclass(frozen=True, slots=True)
class Subject:
    """Somebody by number or by name, and what there is of them."""

    who: str
    conversations: tuple[str, ...] = ()
    under_way: int = 0
    """Conversations that are not over, and left out of it."""
    rows: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Row ids, by table."""
    spoken_of: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """The same of what others said of him: it goes with him, but is not handed out to him, and the keys of
    their conversations in backups stay."""

    @property
    def counts(self) -> dict[str, int]:
        """How many rows of each table that are, and how many conversations."""
        rows = {table: len(ids) for table, ids in self.every.items() if ids}
        return {"conversation": len(self.conversations), **rows}

    @property
    def every(self) -> dict[str, tuple[int, ...]]:
        """All rows that go with him."""
        tables = {**self.rows, **self.spoken_of}
        return {table: (*self.rows.get(table, ()), *self.spoken_of.get(table, ())) for table in tables}


def find(store: Store, who: str) -> Subject:
    """Everything of the person who has this number or this name. A name that two people have finds both."""
    found: dict[str, set[int]] = {table: set() for table in {*BY_CONVERSATION, *NAMED, "notice"}}
    for table, (number, name) in NAMED.items():
        columns = ", ".join([number or "''", name or "''"])
        for row, phone, called in store.read(f"select rowid, {columns} from {table}"):
            if _same(who, phone, called):
                found[table].add(row)
    conversations = _conversations(store, who, found)
    under_way = conversations & _under_way(store)
    conversations -= under_way
    for table, column in BY_CONVERSATION.items():
        for row, conversation in store.read(f"select rowid, {column} from {table}"):
            if conversation in conversations:
                found[table].add(row)
    names = _names(store, who, conversations)
    badges = _badges(store, conversations)
    found["visit"] |= {row for (row,) in store.read("select badge from visit") if row in badges}
    for row, text in store.read("select rowid, text from notice"):
        if any(re.search(rf"\b{re.escape(name)}\b", text.casefold()) for name in names):
            found["notice"].add(row)
    for row, person in store.read("select rowid, person from recollection where person is not null"):
        if person in found["person"]:
            found["recollection"].add(row)
    rows = {table: tuple(sorted(ids)) for table, ids in found.items()}
    return Subject(who, tuple(sorted(conversations)), len(under_way), rows, _spoken_of(store, who, found))


def _spoken_of(store: Store, who: str, found: Mapping[str, set[int]]) -> dict[str, tuple[int, ...]]:
    """Messages and questions of others in which the name stands."""
    if not (mentioned := _mentioned(who)):
        return {}
    return {
        table: tuple(
            row
            for row, text in store.read(f"select rowid, text from {table}")
            if row not in found[table] and mentioned.search(text)
        )
        for table in ("message", "unanswered")
    }


def take_out(db: Database, subject: Subject) -> None:
    """Delete every row, within a transaction that is under way; and words that the fleet has not got yet."""
    for table, rows in subject.every.items():
        if rows:
            every = json.dumps(rows)
            db.execute(f"delete from {table} where rowid in (select value from json_each(?))", every)
    # The message stays, for the fleet would wait for its number.
    db.execute(
        """update outbox set data = json_remove(data, '$.text') where kind = 'unanswered'
            and json_extract(data, '$.call') in (select value from json_each(?))""",
        json.dumps(subject.conversations),
    )


def told(store: Store, subject: Subject) -> dict[str, list[dict[str, Any]]]:
    """Every row in plain JSON, by table, with what hangs on it; but for what only proves who it is."""
    data: dict[str, list[dict[str, Any]]] = {}
    for table, rows in subject.rows.items():
        columns = [name for _, name, *_ in store.read(f"pragma table_info({table})")]
        columns = [name for name in columns if name not in ("salt", "code")]
        for row in rows:
            values = store.read(f"select {', '.join(columns)} from {table} where rowid = ?", row)
            data.setdefault(table, []).extend(dict(zip(columns, value, strict=True)) for value in values)
    for table in ("slot", "preference"):
        for person in subject.rows["person"]:
            kept = store.read(f"select name, spoken from {table} where person = ?", person)
            data.setdefault(table, []).extend({"name": name, "spoken": spoken} for name, spoken in kept)
    return {table: rows for table, rows in data.items() if rows}


def _conversations(store: Store, who: str, found: Mapping[str, set[int]]) -> set[str]:
    """The conversations in which somebody was, or gave himself to be, that person."""
    conversations = set()
    rows = store.read(
        "select conversation, data from event where kind in ('identified', 'slot.filled', 'slot.doubted')"
    )
    for conversation, text in rows:
        data = json.loads(text)
        told = [data.get("number", ""), data.get("name", ""), data.get("value", ""), data.get("spoken", "")]
        if data.get("person") in found["person"] or any(_same(who, str(each), str(each)) for each in told):
            conversations.add(conversation)
    for table, column in BY_CONVERSATION.items():
        if table in NAMED:
            rows = store.read(f"select rowid, {column} from {table}")
            conversations |= {each for row, each in rows if row in found[table] and each}
    if introduced := _introduced(who):
        for text, call in store.read("select text, call from message"):
            if call and introduced.search(text):
                conversations.add(call)
    return conversations


def _mentioned(who: str) -> re.Pattern[str] | None:
    """Where a name stands in what somebody said; None where `who` is a number."""
    if not re.search(r"[^\W\d_]", who):
        return None
    name = r"\s+".join(map(re.escape, who.split()))
    return re.compile(rf"\b{name}\b", re.IGNORECASE)


def _introduced(who: str) -> re.Pattern[str] | None:
    """Where somebody says that this is his own name."""
    name = _mentioned(who)
    says = r"\b(?:this is|here is|my name is|my name's|i am|i'm|it is|it's)\s+(?:[\w.]+\s+)?"
    return re.compile(says + name.pattern, re.IGNORECASE) if name else None


def _under_way(store: Store) -> set[str]:
    """Conversations that have no end, and in which something happened lately."""
    lately = stamp(store.now() - timedelta(days=LASTS))
    rows = store.read(
        "select conversation from event group by conversation having max(at) > ? and not sum(kind = 'ended')",
        lately,
    )
    return {conversation for (conversation,) in rows}


def _names(store: Store, who: str, conversations: set[str]) -> set[str]:
    """The names that were told in them, for what is written without saying whose it is."""
    rows = store.read("select conversation, data from event where kind = 'identified'")
    told = {json.loads(data).get("name", "") for conversation, data in rows if conversation in conversations}
    return {" ".join(name.casefold().split()) for name in {*told, who} if re.search(r"[^\W\d_]", name)}


def _badges(store: Store, conversations: set[str]) -> set[int]:
    """Of the visits that began in them."""
    rows = store.read("select conversation, data from event where kind = 'outcome'")
    outcomes = [json.loads(data) for conversation, data in rows if conversation in conversations]
    return {
        int(each["result"]["badge"])
        for each in outcomes
        if each["action"] == "visitor.check_in" and each["ok"] and "badge" in each["result"]
    }


def _same(who: str, number: str, name: str) -> bool:
    digits = re.sub(r"\D", "", who)
    if re.search(r"[^\W\d_]", who):
        return " ".join(who.casefold().split()) == " ".join(name.casefold().split())
    other = re.sub(r"\D", "", number)
    if min(len(digits), len(other)) < LEAST:
        return digits == other != ""
    return digits.endswith(other) or other.endswith(digits)
