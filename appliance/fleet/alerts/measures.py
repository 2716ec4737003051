"""What rules look at: of every box a value, by the kind of the rule. What is fine need not be told."""

from __future__ import annotations

import json
from collections.abc import Container, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from appliance.fleet.alerts.rules import Rule
from appliance.fleet.keeping.ailments import ALL
from appliance.fleet.keeping.histogram import bucket
from appliance.fleet.keeping.hourly import FAILED, HOUR
from appliance.fleet.keeping.store import Store
from appliance.fleet.membership.authority import BOX_YEARS

DAY = 86_400_000

ENOUGH = 20
"""Calls, and answers, of which a share means something."""

CAUSES = {
    "silent": "not heard from",
    "failed": "many calls fail",
    "late": "answers come late",
    "temperature": "too hot",
    "throttled": "slowed down for heat or want of power",
    "disk": "disk nearly full",
    "memory": "memory nearly full",
    "wear": "eMMC nearly worn out",
    "outbox": "what it tells arrives late",
    "refused": "refused the desk file",
    "other": "runs another desk file than it should",
    "locked": "locked: callers are turned away",
    "muted": "its kiosk is muted",
    "certificate": "its certificate ends soon",
}


@dataclass(frozen=True, slots=True)
class Sample:
    cause: str
    box: int
    """0: of no box."""
    site: str
    value: float
    why: str = ""


class Look:
    """The fleet at one moment; what several rules need is read once."""

    def __init__(self, store: Store, target: int, heard: int = 0, missed: Container[int] = ()) -> None:
        """`target`: milliseconds in which answers should begin. `heard`: since when there is a server that
        hears; what was not said before that was not missed, unless it was by then."""
        self._store = store
        self._target = target
        self._heard = heard
        self._missed = missed
        self.now = store.now()

    def samples(self, rule: Rule) -> Iterator[Sample]:
        """What is not good by a rule."""
        return (sample for sample in self._of(rule) if not rule.good(sample.value))

    def _of(self, rule: Rule) -> Iterator[Sample]:
        kind = rule.kind
        match kind:
            case "fault":
                yield from self._faults()
            case "failed":
                yield from self._shares(kind, self._failed())
            case "late":
                yield from self._shares(kind, self._late())
            case "certificate":
                yield from self._certificates()
            case "rollout":
                yield from self._rollouts()
            case "unsent":
                yield from self._unsent()
            case _:
                for box in self._boxes:
                    value = self._value(kind, box)
                    if value is not None and not rule.good(value):
                        why = str(box["reported"].get("why", "")) if kind == "refused" else ""
                        yield Sample(CAUSES[kind], box["id"], box["site"], value, why)

    def _value(self, kind: str, box: dict[str, Any]) -> float | None:
        match kind:
            case "silent":
                since = box["seen"] if box["id"] in self._missed else max(box["seen"], self._heard)
                return float((self.now - since) / 1000)
            case "outbox":
                return float(box["outbox"])
            case "refused":
                return float(box["reported"].get("fine") is False)
            case "other":
                return float(bool(box["wanted"]) and box["desk"] != box["wanted"])
            case "locked" | "muted":
                return float(box["health"].get(kind, False))
            case "temperature" | "throttled" | "disk" | "memory" | "wear":
                value = box["health"].get(kind)
                return None if value is None else float(value)
            case _:
                return None

    @cached_property
    def _boxes(self) -> list[dict[str, Any]]:
        names = ("id", "site", "seen", "desk", "wanted", "outbox", "health", "reported")
        rows = self._store.read(f"select {', '.join(names)} from box where state = 'member'")
        found = [dict(zip(names, row, strict=True)) for row in rows]
        for box in found:
            box["health"], box["reported"] = json.loads(box["health"]), json.loads(box["reported"])
        return found

    @cached_property
    def _sites(self) -> dict[int, str]:
        return {box["id"]: box["site"] for box in self._boxes}

    def _faults(self) -> Iterator[Sample]:
        for box, cause, why in self._store.read("select box, cause, why from fault"):
            # What a machine's health tells has rules of its own, which wait before it counts as over.
            if cause not in ALL and box in self._sites:
                yield Sample(cause, box, self._sites[box], 1, why)

    def _shares(self, kind: str, rows: list[tuple[Any, ...]]) -> Iterator[Sample]:
        for box, bad, all in rows:
            if all >= ENOUGH and box in self._sites:
                why = f"{bad:,} of {all:,}"
                yield Sample(CAUSES[kind], box, self._sites[box], 100 * bad / all, why)

    def _failed(self) -> list[tuple[Any, ...]]:
        return self._store.read(
            f"""select box, sum(case when outcome in {FAILED} then n else 0 end), sum(n) from outcome
                where day = ? group by box""",
            self.now // DAY,
        )

    def _late(self) -> list[tuple[Any, ...]]:
        """More than 5 % later than the target is the same as: the 95th percentile is over it."""
        return self._store.read(
            """select box, sum(case when bucket > ? then n else 0 end), sum(n) from latency
                where span = ? and at >= ? and box > 0 group by box""",
            bucket(self._target), HOUR, self.now // HOUR * HOUR - HOUR,
        )  # fmt: skip

    def _certificates(self) -> Iterator[Sample]:
        # What was issued before that was written down is good for the usual time.
        for box, until in self._store.read(
            """select box, max(case when until > 0 then until else at + ? end) from certificate
                where revoked is null group by box""",
            365 * BOX_YEARS * DAY,
        ):
            if box in self._sites:
                left = (until - self.now) / DAY
                yield Sample(CAUSES["certificate"], box, self._sites[box], left, f"{left:.0f} days left")

    def _rollouts(self) -> Iterator[Sample]:
        for id, why in self._store.read(
            """select id, why from rollout
                where state = 'undoing' or (state = 'failed' and ended > ?)""",
            self.now - DAY,
        ):
            yield Sample(f"rollout {id} was halted", 0, "", 1, why)

    def _unsent(self) -> Iterator[Sample]:
        for route, tries, error in self._store.read(
            """select route, max(tries), min(error) from delivery where state = 'waiting' and tries > 0
                group by route"""
        ):
            yield Sample(f"alerts do not reach {route}", 0, "", tries, error)
