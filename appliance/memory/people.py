"""Who has been here: what they confirmed, what they wished to be remembered, and what came of each visit."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from appliance.memory.events import Event, EventLog
from appliance.memory.store import Database, Store, stamp

Level = Literal["anyone", "caller", "verified", "staff"]
LEVELS: tuple[Level, ...] = ("anyone", "caller", "verified", "staff")

PROVES: dict[str, Level] = {"said": "anyone", "caller_id": "caller", "code": "verified", "staff": "staff"}
"""How a caller was identified, and what that makes of him. A caller ID can be forged: it never verifies."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a conversation is with, as far as its `identified` events tell."""

    level: Level = "anyone"
    number: str = ""
    """As the network or the caller gave it. A code proves that it is the person who gave it before."""
    name: str = ""
    person: int | None = None
    """Who it is among the people whom the desk knows; only from `verified` on."""

    @property
    def verified(self) -> bool:
        return LEVELS.index(self.level) >= LEVELS.index("verified")


def identity(events: Iterable[Event]) -> Identity:
    """Fold `identified` events ({how: said | caller_id | code | staff, number, name, person}). What a weaker
    proof tells does not overwrite what a stronger one told."""
    known = Identity()
    for event in events:
        if event.kind != "identified":
            continue
        level = PROVES.get(event.data.get("how", ""), "anyone")
        if LEVELS.index(level) >= LEVELS.index(known.level):
            proven = event.data.get("person") if level in ("verified", "staff") else None
            known = Identity(
                level,
                event.data.get("number") or known.number,
                event.data.get("name") or known.name,
                proven or known.person,
            )
    return known


@dataclass(frozen=True, slots=True)
class Slot:
    name: str
    value: Any
    """Plain JSON."""
    spoken: str
    source: str
    """The conversation in which the person confirmed it."""
    expires: str
    """UTC, ISO 8601; empty for what the person wished to be remembered."""


@dataclass(frozen=True, slots=True)
class About:
    """What is known of a person now."""

    person: int
    name: str
    number: str
    slots: tuple[Slot, ...] = ()
    """Those that have not expired."""
    preferences: tuple[Slot, ...] = ()
    summaries: tuple[tuple[str, str], ...] = ()
    """Time (UTC, ISO 8601) and text, newest first, at most ten."""


def enrol(db: Database, at: str, name: str, number: str) -> tuple[int, str]:
    """A new person, and the code of six digits that shows next time who it is. A number is no proof: whoever
    else gives the same one is another person with another code."""
    code = f"{secrets.randbelow(900_000) + 100_000}"
    salt = secrets.token_bytes(16)
    rows = db.execute(
        "insert into person (number, name, since, salt, code) values (?, ?, ?, ?, ?) returning id",
        number, name, at, salt, _hashed(code, salt),
    )  # fmt: skip
    return int(rows[0][0]), code


def known_by(db: Database, number: str, code: str) -> tuple[int, str] | None:
    """Id and name of the person with that number and that code."""
    rows = db.execute("select id, name, salt, code from person where number = ? and code not null", number)
    for person, name, salt, kept in rows:
        if hmac.compare_digest(_hashed(code, salt), kept):
            return int(person), str(name)
    return None


def _hashed(code: str, salt: bytes) -> bytes:
    return hashlib.pbkdf2_hmac("sha256", code.encode(), salt, 20_000)


class People:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._log = EventLog(store)

    def keep_slot(
        self, person: int, name: str, value: Any, spoken: str, source: str, days: int = 365
    ) -> None:
        """Remember what a person confirmed in conversation `source`, for that many days."""
        now = self._store.now()
        until = now + timedelta(days=days)
        with self._store.write() as db:
            db.execute(
                "insert or replace into slot values (?, ?, ?, ?, ?, ?, ?)",
                person, name, json.dumps(value), spoken, source, stamp(now), stamp(until),
            )  # fmt: skip

    def prefer(self, person: int, name: str, value: Any, spoken: str, agreed: int) -> bool:
        """Remember a preference. `agreed` is the id of the `agreed` event ({name, value}) that recorded the
        yes to "shall I remember that?"; False, and nothing is kept, where there is none such."""
        event = self._log.get(agreed)
        if not event or event.kind != "agreed" or event.data.get("name") != name:
            return False
        if event.data.get("value") != value:
            return False
        with self._store.write() as db:
            db.execute(
                "insert or replace into preference values (?, ?, ?, ?, ?)",
                person, name, json.dumps(value), spoken, agreed,
            )  # fmt: skip
        return True

    def summarise(self, conversation: str, person: int | None = None) -> str:
        """Write, keep and return a conversation's summary: a template, no words of the caller's."""
        text = summary(self._log.read(conversation))
        with self._store.write() as db:
            db.execute(
                "insert or replace into summary values (?, ?, ?, ?)",
                conversation, person, self._store.stamp(), text,
            )  # fmt: skip
        return text

    def about(self, person: int) -> About | None:
        rows = self._store.read("select name, number from person where id = ?", person)
        if not rows:
            return None
        slots = self._store.read(
            """select name, value, spoken, source, expires from slot where person = ? and expires > ?
                order by name""",
            person, self._store.stamp(),
        )  # fmt: skip
        preferences = self._store.read(
            """select preference.name, value, spoken, coalesce(conversation, ''), '' from preference
                left join event on event.id = agreed where person = ? order by preference.name""",
            person,
        )
        summaries = self._store.read(
            "select at, text from summary where person = ? order by at desc, conversation limit 10", person
        )
        return About(
            person, rows[0][0], rows[0][1], tuple(map(_slot, slots)), tuple(map(_slot, preferences)),
            tuple((at, text) for at, text in summaries),
        )  # fmt: skip

    def forget(self, person: int) -> None:
        """Remove a person, and all that is kept under the person's name here; no byte of it stays in the
        file."""
        with self._store.write() as db:
            for table in ("text", "errand"):
                db.execute(
                    f"delete from {table} where number != '' and number ="
                    " (select number from person where id = ?)", person,
                )  # fmt: skip
            db.execute("delete from person where id = ?", person)
        self._store.scrub()


def _slot(row: tuple[Any, ...]) -> Slot:
    name, value, *more = row
    return Slot(name, json.loads(value), *more)


def summary(events: Sequence[Event]) -> str:
    """What came of a conversation, in a line: when, how long, what was done and what was not."""
    if not events:
        return "Nothing happened."
    first, last = events[0].at, events[-1].at
    outcomes = [event.data for event in events if event.kind == "outcome" and not event.data.get("looked")]
    done = [data["action"] for data in outcomes if data["ok"]]
    failed = [f"{data['action']} ({data['why']})" for data in outcomes if not data["ok"]]
    questions = Counter(event.kind for event in events)["unanswered"]
    parts = [f"{_day(first)}, {max(1, round((last - first).total_seconds() / 60))} min"]
    parts += [f"done: {', '.join(done)}"] if done else []
    parts += [f"not done: {', '.join(failed)}"] if failed else []
    parts += [f"unanswered questions: {questions}"] if questions else []
    return "; ".join(parts) + "."


def _day(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
