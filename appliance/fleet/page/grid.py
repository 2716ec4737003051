"""How each site does, in one number for each thing that may be wrong: so ten thousand boxes are a few hundred
squares, and only the boxes of one site are ever sent."""

from __future__ import annotations

from typing import Any

from appliance.fleet.keeping.store import Store
from appliance.fleet.page.views import STALE
from appliance.fleet.people.scope import ALL, Scope

MOST = 600
"""Sites that are shown; the worst come first."""

BINS = (60, 600, 3_600, 86_400, 7 * 86_400)
"""Seconds up to which boxes whose oldest message waits are counted together."""


def health(store: Store, scope: Scope = ALL) -> dict[str, Any]:
    """All that the grid shows."""
    return {**sites(store, store.now() - STALE, scope), "outboxes": outboxes(store, scope)}


def sites(store: Store, stale: int, scope: Scope = ALL) -> dict[str, Any]:
    """Of each site: boxes, those not heard from since `stale` (milliseconds since 1970), those with something
    off, calls now. The worst first."""
    rows = store.read(
        f"""select site, count(*), sum(away), sum(case when away = 0 and faults > 0 then 1 else 0 end),
                sum(calls)
            from (select site, case when online = 1 and seen >= ? then 0 else 1 end as away, calls,
                    (select count(*) from fault where fault.box = box.id) as faults
                from box where state = 'member' and {scope.sql}) as each
            group by site
            order by 3 desc, 4 desc, site limit ?""",
        stale, MOST + 1,
    )  # fmt: skip
    names = ("site", "boxes", "away", "off", "calls")
    return {
        "sites": [dict(zip(names, row, strict=True)) for row in rows[:MOST]],
        "more": len(rows) > MOST,
    }


def outboxes(store: Store, scope: Scope = ALL) -> list[dict[str, int]]:
    """How many boxes wait for how long to be heard: seconds at the most, 0 for no end, and boxes."""
    cases = " ".join(f"when outbox <= {most} then {place}" for place, most in enumerate(BINS))
    found: dict[int, int] = dict(
        store.read(
            f"""select case {cases} else {len(BINS)} end, count(*) from box
                where state = 'member' and online = 1 and {scope.sql} group by 1"""
        )
    )
    return [{"most": most, "boxes": found.get(place, 0)} for place, most in enumerate((*BINS, 0))]
