"""Figures with their marks, made of what was measured."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from appliance.bench.turns.instrument import Measured


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the report."""

    part: str
    what: str
    value: float | None
    """None where nothing could be measured; infinite where the desk never answered or stopped."""
    unit: str = "ms"
    mark: float | None = None
    """The value may be this at most."""
    count: int = 0
    """What it was taken over."""
    note: str = ""

    @property
    def met(self) -> bool | None:
        """None where there is no mark; what could not be measured meets none."""
        if self.mark is None:
            return None
        return self.value is not None and self.value <= self.mark

    def told(self) -> str:
        if self.value is None:
            return "not measured"
        if math.isinf(self.value):
            return "never"
        form = {"ms": ".0f", "%": ".1f", "x": ".2f", "/ h": ".2f", "s": ".2f"}.get(self.unit, "g")
        return f"{self.value:{form}} {self.unit}".strip()

    def record(self) -> dict[str, Any]:
        value = "never" if self.value is not None and math.isinf(self.value) else self.value
        return asdict(self) | {"value": value, "met": self.met}


def latency(
    part: str, measured: Sequence[Measured], median: float | None = None, p95: float | None = None
) -> list[Figure]:
    """Of turns that were not cut off; those that were never answered count as infinite."""
    taken = [each.latency for each in measured if each.latency is not None]
    cut = sum(bool(each.cut_off) for each in measured)
    note = f"{sum(map(math.isinf, taken))} never answered, {cut} cut off"
    return _median_and_p95(part, "end of speech to first sound", taken, (median, p95), note)


def stops(part: str, measured: Sequence[Measured], mark: float | None = None) -> list[Figure]:
    taken = [each.stop for each in measured if each.stop is not None]
    void = sum(each.kind == "interruption" and each.stop is None for each in measured)
    note = f"{sum(map(math.isinf, taken))} never stopped; {void} not counted: the desk was not speaking"
    return _median_and_p95(part, "stop after an interruption", taken, (None, mark), note)


def _median_and_p95(
    part: str, what: str, taken: Sequence[float], marks: tuple[float | None, float | None], note: str
) -> list[Figure]:
    return [
        Figure(part, f"{what}, {name}", percentile(taken, percent), "ms", mark, len(taken), note)
        for name, percent, mark in (("median", 50, marks[0]), ("p95", 95, marks[1]))
    ]


def share(part: str, what: str, events: Sequence[bool], mark: float | None, note: str = "") -> Figure:
    value = 100 * sum(events) / len(events) if events else None
    return Figure(part, what, value, "%", mark, len(events), note or f"{sum(events)} of {len(events)}")


def percentile(values: Sequence[float], percent: float) -> float | None:
    """In ms. The value itself that so many are no greater than: infinities stay what they are."""
    if not values:
        return None
    ranked = sorted(values)
    return 1000 * float(ranked[max(0, math.ceil(len(ranked) * percent / 100) - 1)])


def ratio(part: str, what: str, plain: float | None, own: float | None) -> Figure:
    """How many times as long the plain way takes."""
    known = plain is not None and own and not math.isinf(own)
    return Figure(part, what, plain / own if known and plain is not None and own else None, "x")
