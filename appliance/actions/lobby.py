"""Visitors who come and go, and their place in the queue."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from appliance.actions.registry import Context, Refusal, action
from appliance.memory.directory import find
from appliance.memory.store import stamp


@action("visitor.check_in", permit="caller", limit=(10, 3600))
def check_in(context: Context, name: str, host: str, firm: str = "") -> Mapping[str, Any]:
    """Check a visitor in, and have the host told.

    name: who has come
    host: who is visited
    firm: where the visitor comes from
    """
    if not name:
        raise Refusal("nameless")
    hosts = find(context.db, host)
    if not hosts:
        raise Refusal("none")
    if len(hosts) > 1:
        raise Refusal("several", people=[each.name for each in hosts])
    at = stamp(context.now)
    [(badge,)] = context.db.execute(
        "insert into visit (name, firm, host, came) values (?, ?, ?, ?) returning badge",
        name, firm, hosts[0].name, at,
    )  # fmt: skip
    whence = f" of {firm}" if firm else ""
    context.db.execute(
        "insert into notice (at, recipient, text) values (?, ?, ?)",
        at, hosts[0].name, f"{name}{whence} is here for you.",
    )  # fmt: skip
    return {"badge": badge, "host": hosts[0].name}


@check_in.undo
def turn_back(context: Context, arguments: Mapping[str, Any], result: Mapping[str, Any]) -> Mapping[str, Any]:
    return _leave(context, result["badge"])


@action("visitor.check_out", permit="caller", limit=(10, 3600))
def check_out(context: Context, badge: int) -> Mapping[str, Any]:
    """Check a visitor out.

    badge: the number on the visitor's badge
    """
    return _leave(context, badge)


@action("queue.take", permit="anyone", limit=(5, 3600), confirm=False)
def take(context: Context, service: str = "") -> Mapping[str, Any]:
    """Draw a number in today's queue.

    service: the queue, where there are several
    """
    day = context.now.date().isoformat()
    [(number,)] = context.db.execute(
        """insert into queue (day, service, number) select ?1, ?2, coalesce(max(number), 0) + 1
            from queue where day = ?1 and service = ?2 returning number""",
        day, service,
    )  # fmt: skip
    [(ahead,)] = context.db.execute(
        "select count(*) from queue where day = ? and service = ? and state = 'waiting' and number < ?",
        day, service, number,
    )  # fmt: skip
    return {"number": number, "ahead": ahead}


@take.undo
def step_out(context: Context, arguments: Mapping[str, Any], result: Mapping[str, Any]) -> Mapping[str, Any]:
    context.db.execute(
        "update queue set state = 'left' where day = ? and service = ? and number = ?",
        context.now.date().isoformat(), arguments.get("service", ""), result["number"],
    )  # fmt: skip
    return {"number": result["number"]}


def _leave(context: Context, badge: int) -> Mapping[str, Any]:
    rows = context.db.execute(
        "update visit set went = ? where badge = ? and went is null returning host", stamp(context.now), badge
    )
    if not rows:
        raise Refusal("none")
    return {"badge": badge, "host": rows[0][0]}
