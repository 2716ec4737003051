"""What boxes told and were told, over all of them, by the page: the newest first, and only of boxes that are
within a scope."""

from __future__ import annotations

import json
from typing import Any

from appliance.fleet.audit import FIELDS
from appliance.fleet.scope import Scope
from appliance.fleet.store import Store


def told(store: Store, scope: Scope, kind: str, most: int, skip: int, box: str = "") -> list[dict[str, Any]]:
    """Calls, questions without an answer, or another kind of what is told; of one box, or of all."""
    one, values = ("and box.name = ?", (box,)) if box else ("", ())
    rows = store.read(
        f"""select box.name, site, message.at, data from message join boot on boot.number = boot
                join box on box.id = boot.box
            where kind = ? {one} and {scope.sql} order by received desc, boot desc, seq desc
            limit ? offset ?""",
        kind, *values, most, skip,
    )  # fmt: skip
    return [{"box": name, "site": site, "at": at, **json.loads(data)} for name, site, at, data in rows]


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
