"""What the fleet's server knows, as Prometheus reads it. Nothing in it says who called or what was said."""

from __future__ import annotations

from appliance.fleet.keeping.store import Store
from appliance.fleet.page import views
from appliance.fleet.people.scope import ALL, Scope
from appliance.system.exposition import family


def text(store: Store, scope: Scope = ALL) -> str:
    """Of the boxes within a scope; blocks as long as a picture of the page takes."""
    seen = views.overview(store, scope)
    latency = {"0.5": seen["latency"]["p50"], "0.95": seen["latency"]["p95"]}
    queues: dict[str, int] = dict(store.read("select state, count(*) from command group by state"))
    sent: dict[str, int] = dict(store.read("select state, count(*) from delivery group by state"))
    families = [
        family("fleet_boxes", "gauge", "Boxes of the fleet.", {(): seen["boxes"]}),
        family("fleet_boxes_here", "gauge", "Boxes that are connected.", {(): seen["online"]}),
        family("fleet_calls_under_way", "gauge", "Calls at this moment.", {(): seen["calls"]}),
        family("fleet_calls_today", "gauge", "Calls of this day in UTC, by how they ended.", {
            (("outcome", outcome),): n for outcome, n in seen["today"].items()
        }),
        family("fleet_answer_seconds", "gauge", "From the last word to the answer, in the last hour.", {
            (("quantile", share),): wait / 1000 for share, wait in latency.items() if wait is not None
        }),
        family("fleet_attention_boxes", "gauge", "Boxes that need attention, by cause.", {
            (("cause", each["cause"]), ("severity", each["severity"])): each["boxes"]
            for each in seen["attention"]
        }),
    ]  # fmt: skip
    if scope == ALL:
        families += [
            family("fleet_messages_total", "counter", "What came from boxes, and what was wrong with it.", {
                (("what", name),): n for name, n in seen["counters"].items()
            }),
            family("fleet_commands", "gauge", "What boxes were asked to do, by what came of it.", {
                (("state", state),): n for state, n in queues.items()
            }),
            family("fleet_alerts_sent", "gauge", "Words of alerts, by whether they arrived.", {
                (("state", state),): n for state, n in sent.items()
            }),
        ]  # fmt: skip
    return "\n".join(line for family in families for line in family) + "\n"
