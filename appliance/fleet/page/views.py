"""What the dashboard asks of the store. Every list is a page; every number comes from sums that are kept, not
from going through what was told."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import Any

from appliance.fleet.alerts.attention import attention
from appliance.fleet.alerts.watch import TARGET
from appliance.fleet.keeping.histogram import percentile
from appliance.fleet.keeping.hourly import FAILED, HOUR
from appliance.fleet.keeping.learning import MINUTE
from appliance.fleet.keeping.store import Store
from appliance.fleet.people.scope import ALL, Scope

STALE = 180_000
"""Milliseconds without a word after which a box counts as not heard from."""

DAY = 86_400_000
PAGE, PARTS = 50, 10
"""Boxes on a page, and messages of a log; each of those has 100 lines at the most."""


def overview(store: Store, scope: Scope = ALL, known: dict[str, Any] | None = None) -> dict[str, Any]:
    """Is everything all right, and if not, what first? `known`: what `answers` has told lately."""
    now = store.now()
    [(total, online, calls)] = store.read(
        f"""select count(*), coalesce(sum(there), 0), coalesce(sum(there * calls), 0)
            from (select calls, case when online = 1 and seen >= ? then 1 else 0 end as there from box
                where state = 'member' and {scope.sql}) as boxes""",
        now - STALE,
    )
    today: dict[str, int] = dict(
        store.read(f"select outcome, sum(n) from outcome where day = ?{_in(scope)} group by 1", now // DAY)
    )
    return {
        "now": now,
        "boxes": total,
        "online": online,
        "calls": calls,
        "today": today,
        "failed": sum(today.get(name, 0) for name in FAILED),
        **(known or answers(store, scope)),
        "target": TARGET,
        "attention": attention(store, scope),
        "counters": dict(store.read("select name, n from counter order by name")) if scope == ALL else {},
    }


def boxes(store: Store, page: int = 0, text: str = "", scope: Scope = ALL) -> dict[str, Any]:
    """A page of the boxes whose name or site begins with a text; what is wrong comes first."""
    now, day = store.now(), store.now() // DAY
    likeness = text.lower().replace("\\", "").replace("%", "").replace("_", r"\_") + "%"
    chosen = (
        f"state = 'member' and (name like ? escape '\\' or lower(site) like ? escape '\\') and {scope.sql}"
    )
    [(total,)] = store.read(f"select count(*) from box where {chosen}", likeness, likeness)
    rows = store.read(
        f"""select name, site, online = 1 and seen >= ?, seen, calls, version, desk, wanted, outbox,
                (select count(*) from fault where box = box.id),
                (select coalesce(sum(n), 0) from outcome where day = ? and box = box.id),
                (select coalesce(sum(n), 0) from outcome
                    where day = ? and box = box.id and outcome in ('failed', 'crash')),
                json_extract(health, '$.temperature'), json_extract(health, '$.cpu')
            from box where {chosen}
            order by online = 1 and seen >= ?, exists (select 1 from fault where box = box.id) desc, name
            limit ? offset ?""",
        now - STALE, day, day, likeness, likeness, now - STALE, PAGE, max(0, page) * PAGE,
    )  # fmt: skip
    names = (
        "name", "site", "online", "seen", "calls", "version", "desk", "wanted", "outbox", "faults", "today",
        "failed", "temperature", "cpu",
    )  # fmt: skip
    return {
        "page": page,
        "pages": max(1, -(-total // PAGE)),
        "total": total,
        "now": now,
        "boxes": [dict(zip(names, row, strict=True)) for row in rows],
    }


def box(store: Store, name: str) -> dict[str, Any] | None:
    """How a box is, for the page about it; None where there is none."""
    names = (
        "id", "name", "site", "state", "since", "online", "seen", "version", "desk", "wanted", "began",
        "health", "calls", "outbox", "reported", "serial", "wanted_serial",
    )  # fmt: skip
    rows = store.read(f"select {', '.join(names)} from box where name = ?", name)
    if not rows:
        return None
    found: dict[str, Any] = dict(zip(names, rows[0], strict=True))
    id = found.pop("id")
    for text in ("began", "health", "reported"):
        found[text] = json.loads(found[text])
    now = store.now()
    wished = store.read(
        """select version, name from desired join bundle using (version) where serial = ?""",
        found["wanted_serial"],
    )
    return {
        **found,
        "now": now,
        "wished": {"version": wished[0][0], "name": wished[0][1]} if wished else None,
        "online": bool(found["online"]) and found["seen"] >= now - STALE,
        "latency": _latency(store, id, HOUR, now - DAY),
        "target": TARGET,
        "today": dict(store.read("select outcome, n from outcome where day = ? and box = ?", now // DAY, id)),
        "faults": [
            {"cause": cause, "since": since, "why": why}
            for cause, since, why in store.read(
                "select cause, since, why from fault where box = ? order by since", id
            )
        ],
    }


def turns(store: Store, name: str, call: str) -> list[dict[str, Any]]:
    """The turns of a call, for its waterfall."""
    rows = store.read(
        """select data from message join boot on boot.number = boot join box on box.id = boot.box
            where box.name = ? and kind = 'turn' and json_extract(data, '$.call') = ? limit 200""",
        name, call,
    )  # fmt: skip
    return sorted((json.loads(data) for (data,) in rows), key=lambda turn: int(turn["n"]))


def log(store: Store, name: str, command: str, after: int = 0) -> dict[str, Any]:
    """Lines of the log that a command asked for, from after a message of it on; which message was the last,
    and whether more of them are here."""
    rows = store.read(
        """select data from message join boot on boot.number = boot join box on box.id = boot.box
            where box.name = ? and kind = 'log' and json_extract(data, '$.id') = ?
                and cast(json_extract(data, '$.part') as real) > ?
            order by cast(json_extract(data, '$.part') as real) limit ?""",
        name, command, after, PARTS + 1,
    )  # fmt: skip
    parts = [json.loads(data) for (data,) in rows]
    return {
        "lines": [line for part in parts[:PARTS] for line in part["lines"]],
        "last": parts[:PARTS][-1]["part"] if parts else after,
        "more": len(parts) > PARTS,
    }


def _latency(store: Store, box: int, span: int, since: int) -> dict[str, Any]:
    rows = store.read(
        "select bucket, sum(n) from latency where box = ? and span = ? and at >= ? group by bucket",
        box, span, since,
    )  # fmt: skip
    return _summed(dict(rows))


def answers(store: Store, scope: Scope = ALL) -> dict[str, Any]:
    """How soon answers began: in the last hour, and hour by hour for a day, the oldest first; an hour without
    an answer is left out. Of some groups their minutes are not kept apart: it is this hour and the last."""
    now = store.now()
    hours: dict[int, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    for at, number, n in store.read(
        f"""select latency.at, bucket, sum(n) from {_whose(scope)} and span = ? and latency.at > ?
            group by latency.at, bucket""",
        HOUR, now - DAY,
    ):  # fmt: skip
        hours[at][number] = n
    lately: dict[int, int] = defaultdict(int)
    for at in (now // HOUR * HOUR, now // HOUR * HOUR - HOUR):
        for number, n in hours[at].items() if at in hours else ():
            lately[number] += n
    return {
        "latency": _latency(store, 0, MINUTE, now - HOUR) if scope == ALL else _summed(lately),
        "hours": [{"at": at, **_summed(hours[at])} for at in sorted(hours)],
    }


def _whose(scope: Scope) -> str:
    """Where the sums of a scope are; by its boxes first, which may be few."""
    if scope == ALL:
        return "latency where box = 0"
    return f"box cross join latency where latency.box = box.id and {scope.sql}"


def _in(scope: Scope) -> str:
    """What narrows sums of boxes to a scope."""
    return "" if scope == ALL else f" and box in (select id from box where {scope.sql})"


def _summed(counts: dict[int, int]) -> dict[str, Any]:
    p50, p95 = percentile(counts, 0.5), percentile(counts, 0.95)
    return {"n": sum(counts.values()), "p50": p50 and round(p50), "p95": p95 and round(p95)}
