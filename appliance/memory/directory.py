"""Who works here, how to reach them, and who is on duty. The desk file says it; this is a copy."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from typing import Any

from appliance.config.hours import WEEKDAYS
from appliance.errors import ConfigError
from appliance.memory.store import Database, Store

NEAR = 0.75
"""Likeness of two names, 0 to 1, from which one may be meant by the other."""

TITLES = frozenset("mr mister mrs missus ms miss dr doctor prof professor the".split())


@dataclass(frozen=True, slots=True)
class Contact:
    name: str
    role: str = ""
    extension: str = ""
    """What may be told to callers; nothing else about the person is kept here."""


def entries(settings: Mapping[str, Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    """The people of the desk file's [[actions.directory.people]]."""
    people: Sequence[Mapping[str, Any]] = settings.get("directory", {}).get("people", ())
    return people


def load(store: Store, entries: Iterable[Mapping[str, Any]]) -> None:
    """Replace the directory by the desk file's: [{name, role, extension, duty = {monday = ["09:00-12:00"]}}].
    ConfigError where that makes no sense, and then the old one stays."""
    with store.write() as db:
        db.execute("delete from contact")
        for entry in entries:
            try:
                contact = Contact(entry["name"], entry.get("role", ""), entry.get("extension", ""))
                duty = [
                    (WEEKDAYS.index(day.lower()), *(time.fromisoformat(part) for part in stretch.split("-")))
                    for day, stretches in entry.get("duty", {}).items()
                    for stretch in stretches
                ]
                db.execute(
                    "insert into contact values (?, ?, ?)", contact.name, contact.role, contact.extension
                )
                for weekday, begins, ends in duty:
                    db.execute(
                        "insert into duty values (?, ?, ?, ?)",
                        contact.name, weekday, f"{begins:%H:%M}", f"{ends:%H:%M}",
                    )  # fmt: skip
            except (AttributeError, KeyError, TypeError, ValueError) as error:
                raise ConfigError(
                    f"the directory entry {dict(entry)} cannot be read ({error})",
                    'each needs a name; duty is like {monday = ["09:00-12:00"]}',
                ) from error


def find(db: Database, name: str) -> list[Contact]:
    """Those whose name or role is asked for, best first, at most four. Several that fit equally are all
    there: the caller has to say which."""
    asked = _words(name)
    scored = []
    for row in db.execute("select name, role, extension from contact order by name"):
        contact = Contact(*row)
        score = max(_likeness(asked, _words(contact.name)), _likeness(asked, _words(contact.role)))
        if score >= NEAR:
            scored.append((score, contact))
    scored.sort(key=lambda each: -each[0])
    return [contact for score, contact in scored[:4] if score > scored[0][0] - 0.1]


def on_duty(db: Database, now: datetime, role: str = "") -> list[Contact]:
    """Who is on duty at that moment, of a role or of any."""
    rows = db.execute(
        """select distinct name, role, extension from contact join duty on duty.contact = contact.name
            where weekday = ? and begins <= ? and ends > ? order by name""",
        now.weekday(), f"{now:%H:%M}", f"{now:%H:%M}",
    )  # fmt: skip
    asked = _words(role)
    found = [Contact(*row) for row in rows]
    return [each for each in found if not asked or _likeness(asked, _words(each.role)) >= NEAR]


def _words(text: str) -> list[str]:
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return [word for word in re.findall(r"[a-z0-9]+", plain) if word not in TITLES]


def _likeness(asked: list[str], known: list[str]) -> float:
    """How well each word that was asked for is met by its nearest, on average."""
    if not asked or not known:
        return 0.0
    best = [max(difflib.SequenceMatcher(None, word, other).ratio() for other in known) for word in asked]
    return sum(best) / len(best)
