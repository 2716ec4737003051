"""Alerts, and what people do about them: they take one in hand, or want no word of it for a while."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

from appliance.errors import ApplianceError
from appliance.fleet.alerts.rules import all_rules
from appliance.fleet.keeping.store import Store
from appliance.fleet.people import audit
from appliance.fleet.people.scope import ALL, Missing, Scope


@dataclass(frozen=True, slots=True)
class Alert:
    id: str
    rule: str
    cause: str
    site: str
    severity: str
    since: int
    cleared: int | None
    boxes: int
    """That have it now; 0 also where it is of no box."""
    most: int
    told: int
    """Boxes that the last word of it spoke of; 0: nobody was told."""
    acked_by: str
    acked: int | None
    note: str


COLUMNS = "id, rule, cause, site, severity, since, cleared, boxes, most, told, acked_by, acked, note"


def listed(
    store: Store, scope: Scope = ALL, most: int = 1_000, skip: int = 0, open_only: bool = False
) -> list[Alert]:
    """What is not over comes first, then the newest."""
    chosen = f"{scope.sql} and cleared is null" if open_only else scope.sql
    rows = store.read(
        f"""select {COLUMNS} from alert where {chosen}
            order by case when cleared is null then 0 else 1 end, since desc, id limit ? offset ?""",
        most, skip,
    )  # fmt: skip
    return [Alert(*row) for row in rows]


def shown(alert: Alert) -> dict[str, Any]:
    """As the outside is told of it."""
    return {name: getattr(alert, name) for name in COLUMNS.split(", ")}


def acknowledge(store: Store, id: str, who: str, note: str = "", scope: Scope = ALL) -> None:
    """Somebody has it in hand: nobody is told again, until it is over."""
    with store.write() as db:
        found = db.execute(
            f"select acked_by from alert where id = ? and cleared is null and {scope.sql}", (id,)
        ).fetchone()
        if not found:
            raise Missing("there is no such alert", "it may be over: look at the list")
        db.execute(
            "update alert set acked_by = ?, acked = ?, note = ? where id = ?",
            (who, store.now(), note[:500], id),
        )
        audit.record(
            db, store.now(), who, "alert.acknowledged", id, before=found[0], after=who, note=note[:500]
        )


def silence(store: Store, rule: str, site: str, minutes: int, who: str, note: str = "") -> str:
    """No word of a rule, a site or both for so long; of everything where neither is given. What is wrong is
    shown all the same. Its id."""
    if rule and rule not in all_rules(store):
        raise ApplianceError(f"there is no rule {rule!r}", f"one of: {', '.join(all_rules(store))}")
    if not 0 < minutes <= 30 * 24 * 60:
        raise ApplianceError("a silence lasts 1 minute to 30 days")
    id, until = secrets.token_hex(8), store.now() + minutes * 60_000
    with store.write() as db:
        db.execute("insert into silence values (?, ?, ?, ?, ?, ?)", (id, rule, site, until, who, note[:500]))
        audit.record(
            db, store.now(), who, "silence.began", id, rule=rule, site=site, minutes=minutes, note=note[:500]
        )
    return id


def silences(store: Store, scope: Scope = ALL) -> list[dict[str, Any]]:
    names = ("id", "rule", "site", "until", "who", "note")
    rows = store.read(
        f"select {', '.join(names)} from silence where until > ? and {_of(scope)} order by until limit 1000",
        store.now(),
    )
    return [dict(zip(names, row, strict=True)) for row in rows]


def unsilence(store: Store, id: str, who: str, scope: Scope = ALL) -> None:
    with store.write() as db:
        gone = db.execute(f"delete from silence where id = ? and {scope.sql} returning id", (id,)).fetchall()
        if not gone:
            raise Missing("there is no such silence", "it may be over")
        audit.record(db, store.now(), who, "silence.ended", id)


def _of(scope: Scope) -> str:
    """What is of all sites is of these, too."""
    return f"(site = '' or {scope.sql})"
