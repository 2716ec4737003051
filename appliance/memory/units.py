"""Whose a row is, for what is backed up: each conversation, and each row that came of none, has a key of its
own there. Who throws the key away has erased it from every backup."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from appliance.memory.store import Database, Store
from appliance.memory.subject import BY_CONVERSATION, NAMED, Subject

OF_PERSON = {"person": "id", "slot": "person", "preference": "person"}
"""Tables whose rows are a person's that the desk remembers, and the column that says which."""

KEY = 32
"""Bytes."""


def conversation(id: str) -> str:
    """The unit of what came of a conversation."""
    return f"conversation {id}"


def unit(table: str, row: Mapping[str, Any]) -> str:
    """Of a row of `desk.db`, with its `rowid`; empty where it is nobody's."""
    if table in OF_PERSON:
        return f"person {row[OF_PERSON[table]]}"
    if table in BY_CONVERSATION and row[BY_CONVERSATION[table]]:
        return conversation(row[BY_CONVERSATION[table]])
    if table in {*BY_CONVERSATION, *NAMED, "notice"}:
        return f"{table} {row['rowid']}"
    return ""


def units(db: Database, subject: Subject) -> set[str]:
    """All of a person."""
    found = {conversation(id) for id in subject.conversations}
    for table, ids in subject.rows.items():
        columns = [name for _, name, *_ in db.execute(f"pragma table_info({table})")]
        chosen = f"select rowid, * from {table} where rowid in (select value from json_each(?))"
        for values in db.execute(chosen, json.dumps(ids)):
            found.add(unit(table, dict(zip(("rowid", *columns), values, strict=True))))
    return found - {""}


def shred(db: Database, gone: Iterable[str]) -> None:
    """Throw the keys of units away, within a transaction; every place of backups is behind from then on."""
    for each in gone:
        db.execute("delete from backup_key where unit = ?", each)
    db.execute("update backup_place set behind = 1")


class Keys:
    """Those of all units, by name; a unit that has none gets one."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._keys: dict[str, bytes] = dict(store.read("select unit, key from backup_key"))
        self._new: list[str] = []

    def of(self, unit: str) -> bytes:
        if unit not in self._keys:
            self._keys[unit] = secrets.token_bytes(KEY)
            self._new.append(unit)
        return self._keys[unit]

    def save(self, db: Database) -> None:
        """Keep the new ones, within a transaction."""
        for each in self._new:
            db.execute("insert or replace into backup_key values (?, ?)", each, self._keys[each])
        self._new = []

    def __iter__(self) -> Iterator[tuple[str, bytes]]:
        return iter(self._keys.items())
