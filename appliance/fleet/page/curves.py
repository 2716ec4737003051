"""How a box did over time: some three hundred points at the most, each of one or more hours that are added up
here, so that a percentile over them is right."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from appliance.fleet.alerts.watch import TARGET
from appliance.fleet.keeping.histogram import percentile
from appliance.fleet.keeping.hourly import CALLS, HOUR
from appliance.fleet.keeping.store import Store
from appliance.fleet.page.api import NUMBER, STRING, Asked, Operation, Room, shown
from appliance.fleet.people.scope import Missing
from appliance.fleet.storage.database import marks

RANGES = {"day": (1, 24), "week": (1, 7 * 24), "month": (3, 30 * 8)}
"""Hours of a point, and how many points."""

Series = list[float | None]


def curves(store: Store, name: str, span: str) -> dict[str, Any]:
    """Of a box that is there, and a span of RANGES. In order of time; None where nothing was told."""
    hours, count = RANGES[span]
    step = hours * HOUR
    last = store.now() // step * step
    points = [last - back * step for back in reversed(range(count))]
    [(box,)] = store.read("select id from box where name = ?", name)
    waits = _waits(store, box, step, points[0])
    sums = _sums(store, box, step, points[0], last + step)
    calls = {at: n for (at, what), (n, _, _) in sums.items() if what == CALLS}
    there = {at for at, _ in sums}

    def share(of: float) -> Series:
        return [_rounded(percentile(waits[at], of) if at in waits else None) for at in points]

    def mean(what: str) -> Series:
        found = (sums.get((at, what)) for at in points)
        return [each and round(each[1] / each[0], 1) for each in found]

    def highest(what: str) -> Series:
        found = (sums.get((at, what)) for at in points)
        return [each and round(each[2], 1) for each in found]

    return {
        "range": span,
        "step": step,
        "target": TARGET,
        "at": points,
        "p50": share(0.5),
        "p95": share(0.95),
        # A box that told of its health, and of no call, had none.
        "calls": [calls.get(at, 0) if at in there else None for at in points],
        "failed": [int(sums.get((at, CALLS), (0, 0, 0))[1]) if at in there else None for at in points],
        "temperature": highest("temperature"),
        "cpu": mean("cpu"),
        "memory": mean("memory"),
    }


def _waits(store: Store, box: int, step: int, since: int) -> dict[int, dict[int, int]]:
    """How soon answers began, as counts by bucket, point by point."""
    found: dict[int, dict[int, int]] = defaultdict(dict)
    for at, bucket, n in store.read(
        f"""select at / {step} * {step} as point, bucket, sum(n) from latency
            where box = ? and span = {HOUR} and at >= ? group by point, bucket""",
        box, since,
    ):  # fmt: skip
        found[at][bucket] = n
    return found


def _sums(
    store: Store, box: int, step: int, since: int, until: int
) -> dict[tuple[int, str], tuple[int, float, float]]:
    """How many, their sum and the highest, by point and what it is."""
    hours = range(since, until, HOUR)
    rows = store.read(
        f"""select at / {step} * {step} as point, what, sum(n), sum(total), max(most) from hourly
            where at in ({marks(len(hours))}) and box = ? group by point, what""",
        *hours, box,
    )  # fmt: skip
    return {(at, what): (n, total, most) for at, what, n, total, most in rows}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value)


def _answer(room: Room, asked: Asked) -> Any:
    name = asked.path["box"]
    if not asked.scope.has(room.store, name):
        raise Missing(f"there is no box {name!r}")
    return curves(room.store, name, asked.query["range"])


LINE = {"type": "array", "items": {"type": ["number", "null"]}, "maxItems": 300}

CURVES = Operation(
    "curvesOfBox", "GET", "/boxes/{box}/curves",
    "How soon it answered, its calls and its health over a day, a week or a month: points of `step` "
    "milliseconds from each `at` on; temperature is the highest, cpu and memory are means", "viewer", _answer,
    shown(range=STRING, step=NUMBER, target=NUMBER, at={"type": "array", "items": NUMBER, "maxItems": 300},
          p50=LINE, p95=LINE, calls=LINE, failed=LINE, temperature=LINE, cpu=LINE, memory=LINE),
    {"range": {"type": "string", "enum": list(RANGES), "default": "day"}},
)  # fmt: skip
