"""What is wrong now over all alerts, cause by cause, as page one shows it."""

from __future__ import annotations

from typing import Any

from appliance.errors import ApplianceError
from appliance.fleet.keeping.store import Store
from appliance.fleet.people import audit
from appliance.fleet.people.scope import ALL, Scope

NAMED, SITES = 5, 20
"""Boxes, and sites, that a cause names."""


def attention(store: Store, scope: Scope = ALL) -> list[dict[str, Any]]:
    """What is wrong now, by cause, the worst first; what somebody has in hand or wants no word of comes
    after."""
    silent = """exists (select 1 from silence where until > ? and silence.rule in (alert.rule, '')
        and silence.site in (alert.site, ''))"""
    rows = store.read(
        f"""select rule, cause, min(severity), sum(boxes), min(since), count(*), max(note), max(acked_by),
                sum(case when acked is null then 1 else 0 end), sum(case when {silent} then 0 else 1 end)
            from alert where cleared is null and {scope.sql} group by rule, cause""",
        store.now(),
    )
    found = [_grouped(store, scope, *row) for row in rows]
    return sorted(
        found,
        key=lambda each: (
            bool(each["acked_by"]) or each["quiet"],
            each["severity"] != "critical",
            -each["boxes"],
            each["cause"],
        ),
    )


def _grouped(
    store: Store,
    scope: Scope,
    rule: str,
    cause: str,
    severity: str,
    boxes: int,
    since: int,
    places: int,
    note: str,
    by: str,
    free: int,
    loud: int,
) -> dict[str, Any]:
    """`free`: alerts that nobody has in hand; `loud`: that are not silent."""
    named = store.read(
        f"""select name, why from trouble left join box on box.id = trouble.box
            where rule = ? and cause = ? and phase != 'pending' and (box.id is null or {scope.sql})
            order by trouble.since, name limit ?""",
        rule, cause, NAMED,
    )  # fmt: skip
    sites = store.read(
        f"""select site from alert where rule = ? and cause = ? and cleared is null and {scope.sql}
            order by site limit ?""",
        rule, cause, SITES,
    )  # fmt: skip
    return {
        "cause": cause,
        "rule": rule,
        "severity": severity,
        "boxes": int(boxes),
        "since": since,
        "why": named[0][1] if named else "",
        "named": [name for name, _ in named if name],
        "sites": [site for (site,) in sites],
        "places": places,
        "acked_by": "" if free else by,
        "note": "" if free else note,
        "quiet": not loud,
    }


def acknowledge(store: Store, rule: str, cause: str, who: str, note: str = "", scope: Scope = ALL) -> int:
    """The same for all alerts of a cause; how many there were."""
    with store.write() as db:
        taken = db.execute(
            f"""update alert set acked_by = ?, acked = ?, note = ?
                where rule = ? and cause = ? and cleared is null and acked is null and {scope.sql}
                returning id""",
            (who, store.now(), note[:500], rule, cause),
        ).fetchall()
        if not taken:
            raise ApplianceError("there is no such alert that nobody has in hand", "look at the list")
        audit.record(
            db, store.now(), who, "alert.acknowledged", cause, after=who, alerts=len(taken), note=note[:500]
        )
    return len(taken)
