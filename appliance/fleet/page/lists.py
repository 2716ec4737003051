"""What boxes told and were told, over all of them, by the page: the newest first, and only of boxes that are
within a scope."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from appliance.fleet.keeping.store import Store
from appliance.fleet.people.audit import FIELDS
from appliance.fleet.people.scope import Scope
from appliance.fleet.storage.database import marks

HAPPENED = ("began", "fault", "reported", "answer", "dropped", "unanswered")
"""Kinds of what a box tells that its timeline is made of."""


def told(store: Store, scope: Scope, kind: str, most: int, skip: int, box: str = "") -> list[dict[str, Any]]:
    """Calls, questions without an answer, or another kind of what is told; of one box, or of all."""
    rows = _told(store, scope, (kind,), most, skip, box)
    # What a box says of itself does not say whose it is.
    return [{**json.loads(data), "box": name, "site": site, "at": at} for name, site, at, _, data in rows]


def happened(store: Store, scope: Scope, box: str, most: int, skip: int) -> list[dict[str, Any]]:
    """What a box told of itself; an answer bears what was asked."""
    rows = _told(store, scope, HAPPENED, most, skip, box)
    found = [{**json.loads(data), "at": at, "kind": kind} for *_, at, kind, data in rows]
    answers = [each["id"] for each in found if each["kind"] == "answer"]
    asked: dict[str, str] = dict(
        store.read(f"select id, do from command where id in ({marks(len(answers))})", *answers)
        if answers
        else ()
    )
    return [each | {"do": asked.get(each["id"], "")} if each["kind"] == "answer" else each for each in found]


def _told(
    store: Store, scope: Scope, kinds: Sequence[str], most: int, skip: int, box: str
) -> list[tuple[Any, ...]]:
    """Box, site, time, kind and data: of one box by when it was, of all by when it came."""
    one, values, first = ("and box.name = ?", (box,), "message.at") if box else ("", (), "received")
    return store.read(
        f"""select box.name, site, message.at, kind, data from message join boot on boot.number = boot
                join box on box.id = boot.box
            where kind in ({marks(len(kinds))}) {one} and {scope.sql}
            order by {first} desc, boot desc, seq desc limit ? offset ?""",
        *kinds, *values, most, skip,
    )  # fmt: skip


def faults(store: Store, scope: Scope, most: int, skip: int) -> list[dict[str, Any]]:
    """What is off now, the oldest first."""
    rows = store.read(
        f"""select name, site, cause, fault.since, why from fault join box on box.id = box
            where state = 'member' and {scope.sql} order by fault.since, name, cause limit ? offset ?""",
        most, skip,
    )  # fmt: skip
    return [dict(zip(("box", "site", "cause", "since", "why"), row, strict=True)) for row in rows]


def commands(store: Store, scope: Scope, most: int, skip: int, box: str = "") -> list[dict[str, Any]]:
    one, values = ("and box.name = ?", (box,)) if box else ("", ())
    rows = store.read(
        f"""select command.id, box.name, do, command.at, expires, command.state, result, answered
            from command join box on box.id = command.box where {scope.sql} {one}
            order by command.at desc, command.id limit ? offset ?""",
        *values, most, skip,
    )  # fmt: skip
    names = ("id", "box", "do", "at", "expires", "state", "result", "answered")
    return [dict(zip(names, row, strict=True)) for row in rows]


def boxes(store: Store, scope: Scope, most: int, skip: int, site: str | None) -> list[dict[str, Any]]:
    """By name; of one site, or of all."""
    at, values = ("and site = ?", (site,)) if site is not None else ("", ())
    names = ("name", "site", "since", "online", "seen", "calls", "version", "desk", "wanted", "outbox")
    rows = store.read(
        f"""select {", ".join(names)} from box where state = 'member' and {scope.sql} {at}
            order by name limit ? offset ?""",
        *values, most, skip,
    )  # fmt: skip
    found = [dict(zip(names, row, strict=True)) for row in rows]
    return [{**box, "online": bool(box["online"])} for box in found]


def desired(store: Store, box: str, most: int, skip: int) -> list[dict[str, Any]]:
    """Desk files that were sent to a box."""
    rows = store.read(
        "select serial, at, digest from desired where device = ? order by serial desc limit ? offset ?",
        box, most, skip,
    )  # fmt: skip
    return [dict(zip(("serial", "at", "digest"), row, strict=True)) for row in rows]


def changes(store: Store, most: int, skip: int, about: str = "", who: str = "") -> list[tuple[Any, ...]]:
    """Rows of the audit log, the newest first."""
    return store.read(
        f"""select {", ".join(FIELDS)} from audit where (? = '' or about = ?) and (? = '' or who = ?)
            order by number desc limit ? offset ?""",
        about, about, who, who, most, skip,
    )  # fmt: skip
